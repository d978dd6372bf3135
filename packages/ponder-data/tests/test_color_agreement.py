"""Pictures without depth at poses that are not theirs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ponder_data import Scene, SyntheticRooms, SyntheticRoomsConfig
from ponder_data.checks.color_agreement import check_color_agreement, likenesses, unlike
from ponder_data.scene_files import SceneFiles, ViewFiles
from torch import Tensor


@pytest.fixture(scope="module", params=[0, 1, 2])
def room(request: pytest.FixtureRequest) -> Scene:
    """A room whose pictures have no depth, darker and noisier than its cloud."""
    rooms = SyntheticRooms(SyntheticRoomsConfig(scenes=3, views=8, image_width=64, image_height=48))
    scene = rooms[request.param]
    generator = torch.Generator().manual_seed(request.param)

    def as_taken(color: Tensor) -> Tensor:
        return (0.7 * color + 0.05 * torch.randn(color.shape, generator=generator)).clamp(0, 1)

    return replace(
        scene,
        views=tuple(
            replace(view, color=as_taken(view.color), depth=torch.zeros_like(view.depth))
            for view in scene.views
        ),
    )


def posed(room: Scene, **poses: Tensor) -> Scene:
    """The room with other poses, by the names of its views."""
    views = [
        replace(v, camera_to_world=poses.get(v.name.replace("-", "_"), v.camera_to_world)) for v in room.views
    ]
    return replace(room, views=tuple(views))


def blamed(room: Scene) -> list[str]:
    files = SceneFiles(
        views=tuple(ViewFiles(name=view.name, pose=Path(f"{view.name}.txt")) for view in room.views)
    )
    findings = list(check_color_agreement(room, files))
    assert all((finding.check, finding.severity) == ("reprojection", "error") for finding in findings)
    return [finding.file.stem for finding in findings]


def test_pictures_at_their_own_poses_are_sound(room: Scene) -> None:
    assert blamed(room) == []


@pytest.mark.parametrize(("one", "other"), [(0, 3), (2, 6), (1, 7)])
def test_two_pictures_at_each_others_poses_are_found(room: Scene, one: int, other: int) -> None:
    first, second = room.views[one], room.views[other]
    swapped = {
        first.name.replace("-", "_"): second.camera_to_world,
        second.name.replace("-", "_"): first.camera_to_world,
    }
    assert blamed(posed(room, **swapped)) == [first.name, second.name]


def test_pictures_with_depth_are_left_to_it(room: Scene) -> None:
    views = tuple(replace(view, depth=torch.ones_like(view.depth)) for view in room.views)
    poses = [view.camera_to_world for view in views[::-1]]
    reversed_ = tuple(replace(view, camera_to_world=pose) for view, pose in zip(views, poses, strict=True))
    assert blamed(replace(room, views=reversed_)) == []


def test_a_cloud_without_colours_tells_nothing(room: Scene) -> None:
    grey = replace(room, color=torch.full_like(room.color, 0.5))
    assert blamed(grey) == []
    assert np.isnan(likenesses(grey, grey.views)).all()


def test_a_weak_picture_is_only_wrong_where_other_poses_suit_it_too() -> None:
    values = np.full((8, 8), 0.05)
    np.fill_diagonal(values, 0.8)
    values[2, 2] = 0.2  # a dull picture, but no other pose suits it
    assert unlike(values) == []
    values[2, 2] = 0.02
    assert unlike(values) == [2]
    values[2, :] = np.nan
    assert unlike(values) == []
    assert unlike(np.full((8, 8), 0.3)) == []
    assert unlike(values[:3, :3]) == []
