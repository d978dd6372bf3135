"""Each fault planted in a scene or a folder of scans that is otherwise good."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ponder_data import Scene, SyntheticRooms, SyntheticRoomsConfig
from ponder_data.checks.depth_scale import check_depth_scale
from ponder_data.checks.duplicates import fingerprint, likeness
from ponder_data.checks.finding import Finding
from ponder_data.checks.folder import check_folder
from ponder_data.checks.labels import check_labels
from ponder_data.checks.poses import check_poses
from ponder_data.checks.reprojection import check_reprojection
from ponder_data.checks.values import check_values
from ponder_data.prepared.prepare import prepare
from ponder_data.reading import open_folder
from ponder_data.scene_files import SceneFiles, ViewFiles
from torch import Tensor

from .test_checks_of_files import cut, found

CLOUD, LABELS = Path("cloud.ply"), Path("labels.bin")


@pytest.fixture(scope="module")
def room() -> Scene:
    return SyntheticRooms(SyntheticRoomsConfig(scenes=1, views=6, image_width=64, image_height=48))[0]


def files_of_room(room: Scene) -> SceneFiles:
    return SceneFiles(
        cloud=(CLOUD,),
        labels=LABELS,
        views=tuple(
            ViewFiles(
                name=view.name,
                color=Path(f"{view.name}.jpg"),
                depth=Path(f"{view.name}.png"),
                pose=Path(f"{view.name}.txt"),
            )
            for view in (*room.views, *room.held_out_views)
        ),
    )


def examined(room: Scene) -> list[Finding]:
    files = files_of_room(room)
    return [
        *check_values(room, files),
        *check_poses(room, files),
        *check_labels(room, files, room.class_names),
        *check_depth_scale(room, files),
        *check_reprojection(room, files),
    ]


def with_view(room: Scene, **changes: Tensor) -> Scene:
    views = list(room.views)
    views[1] = replace(views[1], **changes)  # pyright: ignore[reportArgumentType]
    return replace(room, views=tuple(views))


def spoiled(values: Tensor, value: float) -> Tensor:
    result = values.clone()
    result.view(-1)[5] = value
    return result


def moved(room: Scene, metres: float) -> Tensor:
    pose = room.views[1].camera_to_world.clone()
    pose[0, 3] += metres
    return pose


def scaled_rotation(room: Scene) -> Tensor:
    pose = room.views[1].camera_to_world.clone()
    pose[:3, :3] *= 1.1
    return pose


def far_center(room: Scene) -> Tensor:
    intrinsics = room.views[1].intrinsics.clone()
    intrinsics[0, 2] += 1000
    return intrinsics


def test_a_good_room_gives_no_finding(room: Scene) -> None:
    assert examined(room) == []


FAULTS: list[tuple[Callable[[Scene], Scene], str, str]] = [
    (lambda r: replace(r, color=spoiled(r.color, np.nan)), "not_finite", "cloud.ply"),
    (lambda r: replace(r, intensity=spoiled(r.coord[:, 0], np.inf)), "not_finite", "cloud.ply"),
    (lambda r: with_view(r, color=spoiled(r.views[1].color, np.nan)), "not_finite", "view-1.jpg"),
    (lambda r: with_view(r, depth=spoiled(r.views[1].depth, np.inf)), "not_finite", "view-1.png"),
    (lambda r: with_view(r, camera_to_world=scaled_rotation(r)), "pose", "view-1.txt"),
    (lambda r: with_view(r, intrinsics=far_center(r)), "pose", "view-1.txt"),
    (lambda r: with_view(r, depth=r.views[1].depth * 1000), "depth_scale", "view-1.png"),
    (lambda r: with_view(r, depth=r.views[1].depth / 1000), "depth_scale", "view-1.png"),
    (lambda r: with_view(r, camera_to_world=r.views[4].camera_to_world), "reprojection", "view-1.txt"),
    (lambda r: with_view(r, camera_to_world=moved(r, 0.5)), "reprojection", "view-1.txt"),
    (lambda r: replace(r, semantic=torch.full_like(r.semantic, -1)), "labels_empty", "labels.bin"),  # pyright: ignore
    (lambda r: replace(r, semantic=spoiled(r.semantic, len(r.class_names))), "class_ids", "labels.bin"),  # pyright: ignore
    (lambda r: replace(r, semantic=spoiled(r.semantic, -2)), "class_ids", "labels.bin"),  # pyright: ignore
    (lambda r: with_view(r, semantic=spoiled(r.views[1].semantic, 99)), "class_ids", "view-1.jpg"),  # pyright: ignore
]


@pytest.mark.parametrize(("plant", "check", "file"), FAULTS)
def test_a_fault_of_a_scene_is_found_in_its_file(
    room: Scene, plant: Callable[[Scene], Scene], check: str, file: str
) -> None:
    faulty = plant(room)
    findings = examined(faulty) if check not in ("not_finite", "pose") else examined_alone(faulty)
    assert [(finding.check, str(finding.file), finding.scene) for finding in findings] == [
        (check, file, room.name)
    ]
    assert all(finding.severity == "error" for finding in findings)


def examined_alone(room: Scene) -> list[Finding]:
    """Examine as the whole check does: what is not finite or no pose is not projected."""
    files = files_of_room(room)
    return [
        *check_values(room, files),
        *check_poses(room, files),
        *check_labels(room, files, room.class_names),
    ]


def write_scan(path: Path, seed: int, **changes: object) -> None:
    generator = np.random.default_rng(seed)
    path.parent.mkdir(exist_ok=True)
    arrays = {
        "coord": generator.uniform(0, 4, (500, 3)).astype(np.float32),
        "color": generator.integers(0, 255, (500, 3), dtype=np.uint8),
        "semantic": generator.integers(0, 5, 500),
    }
    np.savez(path, **{**arrays, **changes})  # pyright: ignore[reportArgumentType]


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    root = tmp_path / "scans"
    root.mkdir()
    for number, split in enumerate(("train", "train", "val")):
        write_scan(root / split / f"{number}.npz", number)
    return root


def test_good_scans_give_no_finding(scans: Path) -> None:
    assert found(scans) == []


def test_faults_of_scans_are_found_in_their_files(scans: Path) -> None:
    coord = np.random.default_rng(9).uniform(0, 4, (500, 3)).astype(np.float32)
    broken = coord.copy()
    broken[3, 1] = np.nan
    cases: list[tuple[str, dict[str, object]]] = [
        ("not_finite", {"coord": broken}),
        ("depth_scale", {"coord": 1000 * coord}),
        ("labels_empty", {"semantic": np.full(500, -1)}),
        ("class_ids", {"semantic": np.full(500, -7)}),
    ]
    for check, changes in cases:
        write_scan(scans / "train" / "1.npz", 1, **changes)
        assert found(scans) == [(check, "error", "train/1.npz")]
    cut(scans / "train" / "1.npz")
    assert found(scans) == [("unreadable", "error", "train/1.npz")]


def test_a_scan_without_colours_is_a_warning(scans: Path) -> None:
    np.save(scans / "val" / "9.npy", np.random.default_rng(9).uniform(0, 4, (500, 3)))
    assert found(scans) == [("reader", "warning", "val/9.npy")]


def test_one_place_in_two_splits_is_found(scans: Path) -> None:
    arrays = dict(np.load(scans / "train" / "0.npz"))
    order = np.random.default_rng(0).permutation(500)[:480]
    np.savez(scans / "val" / "copy.npz", **{name: values[order] for name, values in arrays.items()})
    assert found(scans) == [("duplicate", "error", "val/copy.npz")]
    shutil.move(scans / "val" / "copy.npz", scans / "train" / "copy.npz")
    assert found(scans) == [], "the same place twice in one split spoils no comparison"


def test_one_place_twice_in_undivided_scans_is_a_warning(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1), ("c", 0)):
        write_scan(tmp_path / f"{name}.npz", seed)
    assert found(tmp_path) == [("duplicate", "warning", "c.npz")]


def test_the_estimated_likeness_is_that_of_the_sets() -> None:
    generator = np.random.default_rng(0)
    cells = np.unique(generator.integers(0, 60, (9000, 3)), axis=0)
    first, second = cells[:6000], cells[2000:8000]
    prints = [
        fingerprint("", Path(), ("all",), torch.from_numpy((part + 0.5) * 0.05).float())
        for part in (first, second)
    ]
    assert likeness(*prints) == pytest.approx(4000 / 8000, abs=0.06)
    assert likeness(prints[0], prints[0]) == 1.0


def test_a_cache_is_checked_too(scans: Path, tmp_path: Path) -> None:
    folder = open_folder(scans)
    cache = tmp_path / "cache"
    done = prepare(folder.scenes, cache, root=scans, layout="scans", settings="")
    assert found(cache) == []
    first, second = (cache / entry.file for entry in done.index.scenes[:2])
    whole = first.read_bytes()
    shutil.copy(second, first)
    names = {(finding.check, finding.file) for finding in check_folder(cache).findings}
    assert names == {("changed", first)}
    first.write_bytes(whole)
    cut(first)
    assert found(cache) == [("unreadable", "error", first.relative_to(cache).as_posix())]


def test_at_most_so_many_scenes_are_read(scans: Path) -> None:
    steps: list[tuple[int, int]] = []
    report = check_folder(scans, most_scenes=2, advanced=lambda done, scenes: steps.append((done, scenes)))
    assert (report.scenes, report.examined) == (3, 2)
    assert steps == [(1, 2), (2, 2)]
