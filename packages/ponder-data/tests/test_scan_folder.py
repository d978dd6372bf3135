from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from ponder_data import ScanFolder, ScanFolderConfig, Scenes, VirtualScans, VirtualScansConfig, back_project
from ponder_data.labels import NYU40, SCANNET20

SMALL: dict[str, Any] = {
    "views": 2,
    "held_out_views": 0,
    "image_width": 48,
    "image_height": 36,
    "voxel": 0.05,
}


def write_room(path: Path, **labels: Any) -> None:
    """Write the floor (label 0), walls (1) and ceiling (2) of a room of 4 x 3 x 2.5 m."""
    rng = np.random.default_rng(0)
    size = np.array([4.0, 3.0, 2.5])
    coord = rng.random((4000, 3)) * size
    side = rng.integers(0, 6, 4000)
    coord[np.arange(4000), side // 2] = np.where(side % 2 == 0, 0.0, size[side // 2])
    part = np.where(side == 4, 0, np.where(side == 5, 2, 1))
    named: dict[str, Any] = {name: part if values is None else values for name, values in labels.items()}
    np.savez(path, coord=coord, color=coord / size, **named)


def opened(path: Path, **settings: Any) -> ScanFolder:
    return ScanFolder(ScanFolderConfig(path=path, **settings))


def test_scans_are_named_by_their_place_and_share_their_classes(tmp_path: Path) -> None:
    (tmp_path / "upper").mkdir()
    write_room(tmp_path / "a.npz", semantic=None, class_names=["floor", "wall", "ceiling"])
    write_room(tmp_path / "upper" / "b.npz")
    scenes = opened(tmp_path)
    assert isinstance(scenes, Scenes)
    assert scenes.scene_names == ("a", "upper/b")
    assert scenes.class_names == ("floor", "wall", "ceiling")
    assert [scenes[i].class_names for i in range(2)] == [scenes.class_names] * 2
    assert scenes[1].semantic is None


def test_a_file_beside_the_scans_names_their_classes(tmp_path: Path) -> None:
    write_room(tmp_path / "a.npz", label=None)
    assert opened(tmp_path).class_names == ()
    (tmp_path / "classes.txt").write_text("floor\nwall\n\nceiling\n")
    assert opened(tmp_path)[0].class_names == ("floor", "wall", "ceiling")
    (tmp_path / "classes.txt").write_text("floor\nwall\n")
    with pytest.raises(ValueError, match=r"a label is 2, but \S+ has 2 classes, floor, wall; set label_set"):
        opened(tmp_path)[0]
    (tmp_path / "classes.txt").write_text("floor\nfloor\n")
    with pytest.raises(ValueError, match=r"classes\.txt: holds 2 names, 1 different"):
        assert opened(tmp_path).class_names


def test_raw_ids_become_classes_of_the_set_that_is_named(tmp_path: Path) -> None:
    write_room(tmp_path / "a.npz", label=np.resize([0, 1, 2, 40], 4000))
    scenes = opened(tmp_path, label_set="scannet20")
    semantic = scenes[0].semantic
    assert scenes.class_names == SCANNET20.names
    assert semantic is not None
    assert [SCANNET20.names[i] if i >= 0 else None for i in semantic[:4].tolist()] == [
        None,
        "wall",
        "floor",
        None,
    ]


def test_labels_of_other_classes_are_left_out_with_a_warning(tmp_path: Path) -> None:
    write_room(tmp_path / "a.npz", nyu40=None)
    write_room(tmp_path / "b.npz", semantic=None, class_names=["floor", "wall", "ceiling"])
    scenes = opened(tmp_path)
    with pytest.warns(
        UserWarning, match=r"b\.npz: is labelled with floor, wall, ceiling, but .* with wall, floor"
    ):
        scene = scenes[1]
    assert scene.semantic is None
    assert scene.class_names == NYU40.names


def test_broken_files_name_no_classes(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK")
    write_room(tmp_path / "b.npz", nyu40=None)
    scenes = opened(tmp_path)
    assert scenes.class_names == NYU40.names
    with pytest.raises(ValueError, match=r"a\.npz: cannot be read"):
        scenes[0]


def test_labels_are_carried_to_virtual_views(tmp_path: Path) -> None:
    write_room(tmp_path / "a.npz", semantic=None, class_names=["floor", "wall", "ceiling"])
    scenes = VirtualScans(VirtualScansConfig(path=tmp_path, **SMALL))
    assert scenes.class_names == ("floor", "wall", "ceiling")
    scene = scenes[0]
    assert scene.class_names == scenes.class_names
    right = []
    for view in scene.views:
        assert view.semantic is not None
        shown, seen = view.semantic, view.depth > 0
        assert (shown[~seen] == -1).all()
        # The pixels' own depth tells what they show, away from the edges of the room.
        place = back_project(view.depth, view.intrinsics, view.camera_to_world)
        walls = ((place[..., :2] > 0.2) & (place[..., :2] < place.new_tensor([3.8, 2.8]))).all(dim=-1)
        height = place[..., 2]
        right += [
            shown[seen & walls & (height < 0.2)] == 0,
            shown[seen & walls & (height > 2.3)] == 2,
            shown[seen & (height > 0.3) & (height < 2.2)] == 1,
        ]
    assert torch.cat(right).float().mean() > 0.97
    assert sum(len(pixels) for pixels in right) > 500


def test_views_of_a_mesh_show_its_texture(tmp_path: Path) -> None:
    ball: Any = trimesh.creation.icosphere(subdivisions=3, radius=0.5)
    ball.visual.vertex_colors = np.concatenate(
        ((ball.vertices + 0.5) * 255, np.full((642, 1), 255)), axis=1
    ).astype(np.uint8)
    ball.export(tmp_path / "ball.glb")
    scene = VirtualScans(VirtualScansConfig(path=tmp_path, **{**SMALL, "voxel": 0.02}))[0]
    for view in scene.views:
        assert view.source == "virtual"
        seen = view.depth > 0
        assert 0.05 < seen.float().mean() < 0.9
        assert view.color[seen].std(dim=0).min() > 0.03


def test_labels_of_real_scans_are_those_of_nyu40(shared_data: Path) -> None:
    scenes = opened(shared_data / "scannet_scans")
    assert scenes.class_names == NYU40.names
    semantic = scenes[0].semantic
    assert semantic is not None
    floor = semantic == NYU40.names.index("floor")
    assert 0.02 < floor.float().mean() < 0.5
    assert scenes[0].coord[floor, 2].abs().median() < 0.1
