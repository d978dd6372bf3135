"""What driving adds to scenes: velocities follow the world, and LiDAR fields follow the points."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from ponder_data import Scene, check_scene, take_points
from ponder_data.transforms import center_shift, flip, rotate, scale
from ponder_data.transforms.mix3d import mix3d
from ponder_data.transforms.sphere_crop import SphereCropConfig, sphere_crop


@pytest.mark.parametrize(
    "transform",
    [
        lambda scene: flip(scene, "x"),
        lambda scene: flip(scene, "y"),
        lambda scene: rotate(scene, "z", 0.7),
        lambda scene: rotate(scene, "x", 0.3),
        lambda scene: scale(scene, 1.3),
        center_shift,
    ],
    ids=["flip x", "flip y", "rotate z", "rotate x", "scale", "center"],
)
def test_a_box_moved_along_its_velocity_is_moved_by_transforms_alike(
    scene: Scene, transform: Callable[[Scene], Scene]
) -> None:
    assert scene.boxes is not None
    velocity = torch.randn(len(scene.boxes), 3, generator=torch.Generator().manual_seed(1))
    now = replace(scene, boxes=replace(scene.boxes, velocity=velocity))
    later = replace(scene, boxes=replace(scene.boxes, center=scene.boxes.center + velocity))
    changed, expected = transform(now).boxes, transform(later).boxes
    assert changed is not None
    assert expected is not None
    assert changed.velocity is not None
    torch.testing.assert_close(changed.center + changed.velocity, expected.center, atol=1e-5, rtol=1e-5)
    assert torch.equal(velocity, torch.randn(len(scene.boxes), 3, generator=torch.Generator().manual_seed(1)))


def test_lidar_fields_follow_their_points(scene: Scene) -> None:
    points = len(scene)
    swept = replace(
        scene, intensity=torch.rand(points), time=torch.rand(points), ring=torch.arange(points) % 32
    )
    index = torch.tensor([7, 3, 11])
    taken = take_points(check_scene(swept), index)
    for name in ("intensity", "time", "ring"):
        assert torch.equal(getattr(taken, name), getattr(swept, name)[index])


def test_crops_and_mixes_carry_what_is_known(scene: Scene) -> None:
    assert scene.boxes is not None
    points, boxes = len(scene), len(scene.boxes)
    known = replace(
        scene,
        intensity=torch.rand(points),
        boxes=replace(scene.boxes, velocity=torch.rand(boxes, 3), num_points=torch.arange(boxes)),
    )
    cropped = sphere_crop(known, SphereCropConfig(points=points // 2), torch.Generator().manual_seed(0))
    assert cropped.boxes is not None
    assert cropped.boxes.velocity is not None
    assert len(cropped.boxes.velocity) == len(cropped.boxes)
    assert cropped.boxes.attribute is None
    assert cropped.intensity is not None
    assert len(cropped.intensity) == points // 2
    both, one = mix3d(known, known), mix3d(known, scene)
    assert both.boxes is not None
    assert both.boxes.num_points is not None
    assert both.boxes.num_points.tolist() == [*range(boxes), *range(boxes)]
    assert both.intensity is not None
    assert torch.equal(both.intensity[points:], known.intensity)
    assert one.intensity is None
    assert one.boxes is not None
    assert len(one.boxes) == 2 * boxes
    assert one.boxes.velocity is None
