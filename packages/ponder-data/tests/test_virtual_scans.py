from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from ponder_data import Scene, Scenes, VirtualScans, VirtualScansConfig, project_to_view, write_points_ply
from ponder_data.datasets.virtual_views import place_of

SMALL = {"views": 2, "held_out_views": 1, "image_width": 48, "image_height": 36, "voxel": 0.03}


def write_room(path: Path, seed: int) -> None:
    """Write the floor and walls of a room, coloured by place, as one of the files that scans come in."""
    rng = np.random.default_rng(seed)
    size = np.array([4.0, 3.0, 2.5])
    coord = rng.random((3000, 3)) * size
    side = rng.integers(0, 5, 3000)
    rows = np.arange(3000)
    coord[rows, side // 2] = np.where(side % 2 == 0, 0.0, size[side // 2])
    color = coord / size
    if path.suffix == ".ply":
        write_points_ply(path, torch.from_numpy(coord).float(), torch.from_numpy(color).float())
    else:
        np.savez(path, coord=coord.astype(np.float32), color=color, semantic=side, instance=side - 1)


@pytest.fixture
def rooms(tmp_path: Path) -> Path:
    (tmp_path / "upper").mkdir()
    for number, name in enumerate(["a.npz", "b.ply", "upper/c.npz", "scene0007_00.npz", "scene0007_01.npz"]):
        write_room(tmp_path / name, number)
    return tmp_path


def opened(path: Path, **settings: object) -> VirtualScans:
    return VirtualScans(VirtualScansConfig.model_validate({"path": path, **SMALL, **settings}))


def assert_same(first: Scene, second: Scene) -> None:
    assert torch.equal(first.coord, second.coord)
    for a, b in zip(first.views, second.views, strict=True):
        assert torch.equal(a.color, b.color)
        assert torch.equal(a.camera_to_world, b.camera_to_world)


def test_scans_come_with_views_that_say_they_are_virtual(rooms: Path) -> None:
    scenes = opened(rooms, val_every=0, split="val")
    assert isinstance(scenes, Scenes)
    assert list(scenes.scene_names) == ["a", "b", "scene0007_00", "scene0007_01", "upper/c"]
    scene = scenes[0]
    assert (scene.dataset, len(scene.views), len(scene.held_out_views)) == ("scans", 2, 1)
    for view in (*scene.views, *scene.held_out_views):
        assert view.source == "virtual"
        assert (view.height, view.width) == (36, 48)
        assert view.semantic is not None
        # What a view sees lies where the cloud is.
        seen = project_to_view(scene.coord, view)
        pixel = seen.pixel.round().long()
        inside = (seen.z > 0) & ((pixel >= 0) & (pixel < torch.tensor([48, 36]))).all(dim=1)
        depth = view.depth[pixel[inside, 1], pixel[inside, 0]]
        assert ((depth > 0) & ((depth - seen.z[inside]).abs() < 0.1)).float().mean() > 0.7
    assert scenes[1].views[0].semantic is None


def test_the_same_scan_gives_the_same_views_wherever_it_stands(rooms: Path) -> None:
    scene = opened(rooms, val_every=0)[2]
    assert_same(scene, opened(rooms, val_every=0)[2])
    (rooms / "a.npz").unlink()
    assert_same(scene, opened(rooms, val_every=0)[1])
    other = opened(rooms, val_every=0, seed=1)[1]
    assert not torch.equal(scene.views[0].camera_to_world, other.views[0].camera_to_world)


def test_splits_divide_the_places_and_only_val_shows_held_out_views(rooms: Path) -> None:
    train, val = opened(rooms, val_every=2), opened(rooms, val_every=2, split="val")
    shown = Counter(place_of(name) for name in (*train.scene_names, *val.scene_names))
    assert sorted(shown) == ["a", "b", "scene0007", "upper/c"]
    assert not {place_of(name) for name in train.scene_names} & {place_of(name) for name in val.scene_names}
    assert not train[0].held_out_views
    assert len(val[0].held_out_views) == 1


def test_a_single_scan_serves_both_splits_with_views_apart(tmp_path: Path) -> None:
    write_room(tmp_path / "only.npz", 0)
    train, val = opened(tmp_path)[0], opened(tmp_path, split="val")[0]
    assert_same(train, val)
    poses = [view.camera_to_world for view in val.views]
    assert all(not torch.equal(pose, val.held_out_views[0].camera_to_world) for pose in poses)


def test_large_scans_are_thinned(rooms: Path) -> None:
    assert len(opened(rooms, max_points=1000)[0]) == 1000


def test_folders_without_scans_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path is not set"):
        VirtualScans(VirtualScansConfig())
    with pytest.raises(ValueError, match=r"nowhere: no such folder"):
        opened(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"holds no scan; scans are files that end in \.ply"):
        opened(tmp_path)


def test_views_of_real_scans_show_rooms(shared_data: Path) -> None:
    config = VirtualScansConfig(path=shared_data / "scannet_scans", split="val", views=3, held_out_views=1)
    scenes = VirtualScans(config)
    assert len({place_of(scenes[0].name)} & {"scene0002", "scene0003"}) == 1
    scene = scenes[0]
    assert all(view.source == "virtual" for view in (*scene.views, *scene.held_out_views))
    for view in scene.views:
        seen = view.depth > 0
        assert seen.float().mean() > 0.55
        assert view.depth[seen].median() > 0.8
        # A picture, not noise: neighbouring pixels are far more alike than distant ones.
        beside = (view.color[:, 1:] - view.color[:, :-1]).abs()[seen[:, 1:] & seen[:, :-1]].mean()
        apart = (view.color[:, 40:] - view.color[:, :-40]).abs()[seen[:, 40:] & seen[:, :-40]].mean()
        assert beside < 0.35 * apart


def test_places_choose_scans_exactly(rooms: Path) -> None:
    write_room(rooms / "scene0007.npz", 9)  # not one of ScanNet's names, but that of their place
    write_room(rooms / "scene00070_00.npz", 9)
    chosen = opened(rooms, val_every=0, places=("scene0007", "c"))
    assert chosen.scene_names == ("scene0007", "scene0007_00", "scene0007_01", "upper/c")
    with pytest.raises(ValueError, match=r"holds no scan of scene0001, d; there are scans of a, b, c, scene"):
        opened(rooms, places=("a", "scene0001", "d"))


def test_instances_of_known_classes_have_boxes(tmp_path: Path) -> None:
    write_room(tmp_path / "a.npz", 0)
    scene = opened(tmp_path, instance_boxes=True, views=0, held_out_views=0, voxel=0.001)[0]
    assert scene.views == scene.held_out_views == ()
    assert scene.boxes is not None
    assert scene.instance is not None
    assert sorted(scene.boxes.instance.tolist()) == [0, 1, 2, 3], "the points of instance -1 are none"
    for row, instance in enumerate(scene.boxes.instance.tolist()):
        inside = scene.coord[scene.instance == instance]
        torch.testing.assert_close(scene.boxes.size[row], inside.amax(0) - inside.amin(0), atol=0.01, rtol=0)
        assert scene.boxes.label[row] == instance + 1
    write_points_ply(tmp_path / "a.ply", scene.coord, scene.color)
    with pytest.raises(ValueError, match="has no classes or no instances"):
        opened(tmp_path, instance_boxes=True, val_every=0, places=("a",))[1]
