from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch
from ponder_data import Scene
from ponder_data.prepared.scene_file import read_scene, stored_bytes, write_scene
from torch import Tensor


def assert_same(first: object, second: object) -> None:
    """Compare two values of any kind that a scene holds, bit for bit."""
    assert type(first) is type(second)
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        assert first.dtype == second.dtype
        assert torch.equal(first.nan_to_num(nan=1e9), second.nan_to_num(nan=1e9))
    elif isinstance(first, tuple) and isinstance(second, tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_same(one, other)
    elif hasattr(first, "__dataclass_fields__"):
        for field in fields(first):  # pyright: ignore[reportArgumentType]
            assert_same(getattr(first, field.name), getattr(second, field.name))
    else:
        assert first == second


def written(path: Path, scene: Scene) -> Path:
    with path.open("wb") as file:
        write_scene(file, scene)
    return path


def test_a_scene_comes_back_as_it_was(scene: Scene, tmp_path: Path) -> None:
    assert_same(read_scene(written(tmp_path / "a.npz", scene)), scene)


def test_a_bare_cloud_comes_back(scene: Scene, tmp_path: Path) -> None:
    bare = replace(
        scene, semantic=None, instance=None, boxes=None, views=(), held_out_views=(), class_names=()
    )
    assert_same(read_scene(written(tmp_path / "a.npz", bare)), bare)


def test_what_a_lidar_and_boxes_in_traffic_add_comes_back(scene: Scene, tmp_path: Path) -> None:
    assert scene.boxes is not None
    boxes = replace(
        scene.boxes,
        velocity=torch.tensor([[1.0, 2.0, 0.0], [torch.nan] * 3, [0.1, 0.2, 0.3], [0.0, 0.0, 0.0]]),
        num_points=torch.tensor([3, 70_000, 0, 1]),
        attribute=torch.tensor([-1, 0, 5, 7]),
    )
    rows = torch.arange(len(scene))
    street = replace(scene, boxes=boxes, intensity=rows / 7, time=rows / 1000, ring=rows % 32)
    street = replace(street, grid_coord=torch.stack([rows, -rows, rows * 1000], dim=1))
    assert_same(read_scene(written(tmp_path / "a.npz", street)), street)


def test_the_same_scene_gives_the_same_bytes(make_scene: Callable[..., Scene], tmp_path: Path) -> None:
    first, second = (written(tmp_path / name, make_scene(3)) for name in ("a.npz", "b.npz"))
    assert first.read_bytes() == second.read_bytes()


def test_the_size_is_told_before_to_within_a_tenth(scene: Scene, tmp_path: Path) -> None:
    size = written(tmp_path / "a.npz", scene).stat().st_size
    assert stored_bytes(scene) == pytest.approx(size, rel=0.1)


def test_damaged_files_are_refused_by_name(scene: Scene, tmp_path: Path) -> None:
    path = written(tmp_path / "a.npz", scene)
    whole = path.read_bytes()
    place = len(whole) // 2
    for broken in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :], b""):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"a\.npz: cannot be read .* prepare the cache again"):
            read_scene(path)
    with pytest.raises(ValueError, match=r"nowhere\.npz: cannot be read"):
        read_scene(tmp_path / "nowhere.npz")
