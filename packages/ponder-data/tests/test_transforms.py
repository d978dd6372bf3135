import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_data import (
    AugmentationConfig,
    Boxes,
    ColorJitterConfig,
    JitterConfig,
    Scene,
    View,
    augment,
    project_to_view,
)
from ponder_data.transforms import center_shift, flip, rotate, rotate_z, rotation_matrix, scale, translate
from ponder_data.transforms.flip import FlipAxis
from ponder_data.transforms.rotate import Axis
from torch import Tensor

from .conftest import build_scene, known

STILL = AugmentationConfig.none().model_copy(update={"center": False})
SEEDS = st.integers(0, 10_000)
CONFIGS = st.builds(
    AugmentationConfig,
    rotate_z=st.floats(0, 180),
    rotate_z_probability=st.floats(0, 1),
    tilt=st.floats(0, 30),
    tilt_probability=st.floats(0, 1),
    scale=st.tuples(st.floats(0.5, 1.0), st.floats(1.0, 2.0)),
    flip=st.floats(0, 1),
    center=st.booleans(),
)


def assert_points_hit_their_pixels(scene: Scene) -> None:
    """Check that each point of a test scene falls on the pixel it came from, at that pixel's depth.

    The pixel is known by its number in the instance image, which a mirrored picture carries to the mirrored
    column.
    """
    assert scene.instance is not None
    for view, coord, number in zip(
        scene.views, scene.coord.chunk(len(scene.views)), scene.instance.chunk(len(scene.views)), strict=True
    ):
        rotation = view.camera_to_world[:3, :3].double()
        torch.testing.assert_close(rotation @ rotation.T, torch.eye(3).double(), atol=1e-5, rtol=0)
        assert torch.det(rotation) > 0
        seen = project_to_view(coord, view)
        pixel = seen.pixel.round().long()
        torch.testing.assert_close(seen.pixel, pixel.float(), atol=0.01, rtol=0)
        u, v = pixel[:, 0], pixel[:, 1]
        assert view.instance is not None
        assert torch.equal(view.instance[v, u], number)
        torch.testing.assert_close(view.depth[v, u], seen.z, atol=1e-4, rtol=1e-4)


def box_coordinates(points: Tensor, boxes: Boxes) -> Tensor:
    """Return each point's distance from each box's centre along the box's axes, in half sizes."""
    offset = points[:, None] - boxes.center
    c, s = boxes.heading.cos(), boxes.heading.sin()
    along = offset[..., 0] * c + offset[..., 1] * s
    across = -offset[..., 0] * s + offset[..., 1] * c
    return (torch.stack((along, across, offset[..., 2]), dim=-1) / (boxes.size / 2)).abs()


def assert_boxes_hold_the_same_points(before: Scene, after: Scene) -> None:
    assert before.boxes is not None
    assert after.boxes is not None
    torch.testing.assert_close(
        box_coordinates(after.coord, after.boxes),
        box_coordinates(before.coord, before.boxes),
        atol=1e-3,
        rtol=1e-4,
    )


def tensors_of(scene: Scene) -> list[Tensor]:
    found = [scene.coord, scene.color, scene.normal]
    for view in (*scene.views, *scene.held_out_views):
        found += [view.color, view.depth, view.intrinsics, view.camera_to_world]
        found += [image for image in (view.semantic, view.instance) if image is not None]
    if scene.boxes is not None:
        found += [scene.boxes.center, scene.boxes.size, scene.boxes.heading]
    return found


@settings(max_examples=20, deadline=None)
@given(config=CONFIGS, seed=SEEDS)
def test_augmented_points_still_hit_their_pixels(config: AugmentationConfig, seed: int) -> None:
    scene = build_scene(seed % 7)
    before = [tensor.clone() for tensor in tensors_of(scene)]
    changed = augment(scene, config, torch.Generator().manual_seed(seed))
    assert_points_hit_their_pixels(changed)
    assert all(torch.equal(a, b) for a, b in zip(before, tensors_of(scene), strict=True)), "changed its input"
    torch.testing.assert_close(changed.normal.norm(dim=1), torch.ones(len(scene)))


@settings(max_examples=6, deadline=None)
@given(config=CONFIGS, seed=SEEDS)
def test_held_out_views_move_with_the_scene(config: AugmentationConfig, seed: int) -> None:
    scene = build_scene(1)
    # The same picture among the views and among the held-out ones must come out the same.
    changed = augment(replace(scene, held_out_views=scene.views), config, torch.Generator().manual_seed(seed))
    for view, held_out in zip(changed.views, changed.held_out_views, strict=True):
        assert torch.equal(view.camera_to_world, held_out.camera_to_world)
        assert torch.equal(view.depth, held_out.depth)
        assert torch.equal(view.intrinsics, held_out.intrinsics)


@settings(max_examples=6, deadline=None)
@given(seed=SEEDS)
def test_a_shift_carries_everything_along(seed: int) -> None:
    scene = build_scene(seed % 7)
    config = STILL.model_copy(update={"shift": (2.0, 0.5, 0.0)})
    shifted = augment(scene, config, torch.Generator().manual_seed(seed))
    assert_points_hit_their_pixels(shifted)
    assert_boxes_hold_the_same_points(scene, shifted)
    offset = shifted.coord - scene.coord
    torch.testing.assert_close(offset, offset[:1].expand_as(offset))
    assert 0 < offset[0, 0].abs() < 2.0
    assert 0 < offset[0, 1].abs() < 0.5
    assert offset[0, 2] == 0


def test_the_asked_share_of_scenes_is_turned(scene: Scene) -> None:
    config = STILL.model_copy(update={"rotate_z": 90.0, "rotate_z_probability": 0.3})
    turned = [
        not torch.equal(augment(scene, config, torch.Generator().manual_seed(seed)).coord, scene.coord)
        for seed in range(100)
    ]
    assert 15 <= sum(turned) <= 45


def test_what_is_switched_off_draws_nothing() -> None:
    """Switching a late transform on must not change what the earlier ones drew."""
    scene = build_scene(2)
    plain = AugmentationConfig(center=False)
    noisy = plain.model_copy(
        update={
            "jitter": JitterConfig(deviation=0.001, limit=0.003),
            "color": plain.color.model_copy(update={"translation": 0.1}),
        }
    )
    before, after = (augment(scene, config, torch.Generator().manual_seed(5)) for config in (plain, noisy))
    torch.testing.assert_close(after.coord, before.coord, atol=0.0031, rtol=0)
    assert not torch.equal(after.coord, before.coord)
    for old, new in zip(before.views, after.views, strict=True):
        assert torch.equal(old.camera_to_world, new.camera_to_world)


def test_the_stored_sequence_of_draws_has_not_changed() -> None:
    """Runs are repeated from their seed: the defaults must go on drawing what they always drew."""
    config = AugmentationConfig(color=ColorJitterConfig(hue=0.5, drop=0.2, views=True))
    generator = torch.Generator().manual_seed(11)
    changed = augment(build_scene(3), config, generator)
    reference = torch.Generator().manual_seed(11)
    # z, x, y, scale, two flips, brightness, contrast, hue, drop; then the noise of every point
    torch.rand(10, generator=reference, dtype=torch.float64)
    torch.randn(changed.color.shape, generator=reference)
    assert torch.equal(generator.get_state(), reference.get_state())


def test_a_shift_that_the_centre_undoes_is_refused() -> None:
    with pytest.raises(ValueError, match="center undoes it"):
        AugmentationConfig(shift=(1.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="none of them negative"):
        AugmentationConfig(shift=(-1.0, 0.0, 0.0), center=False)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_flip_mirrors_world_normals_and_columns(scene: Scene, axis: FlipAxis) -> None:
    flipped = flip(scene, axis)
    assert_points_hit_their_pixels(flipped)
    assert_boxes_hold_the_same_points(scene, flipped)
    column = "xy".index(axis)
    sign = torch.ones(3)
    sign[column] = -1
    assert torch.equal(flipped.coord, scene.coord * sign)
    assert torch.equal(flipped.normal, scene.normal * sign)
    for old, new in zip(scene.views, flipped.views, strict=True):
        columns = torch.arange(old.width - 1, -1, -1)
        assert torch.equal(new.color, old.color[:, columns])
        assert torch.equal(new.depth, old.depth[:, columns])
        assert torch.equal(known(new.semantic), known(old.semantic)[:, columns])
        torch.testing.assert_close(new.camera_to_world[:3, 3], old.camera_to_world[:3, 3] * sign)


@pytest.mark.parametrize("axis", ["x", "y"])
def test_flipping_twice_changes_nothing(scene: Scene, axis: FlipAxis) -> None:
    twice = flip(flip(scene, axis), axis)
    for a, b in zip(tensors_of(scene), tensors_of(twice), strict=True):
        torch.testing.assert_close(a, b)


@settings(max_examples=10, deadline=None)
@given(angle=st.floats(-7, 7), seed=st.integers(0, 5))
def test_rotation_about_z_is_exact_for_boxes(angle: float, seed: int) -> None:
    scene = build_scene(seed)
    turned = rotate_z(scene, angle)
    assert_points_hit_their_pixels(turned)
    assert_boxes_hold_the_same_points(scene, turned)


@pytest.mark.parametrize(("axis", "start", "end"), [("x", 1, 2), ("y", 2, 0), ("z", 0, 1)])
def test_rotations_are_right_handed(axis: Axis, start: int, end: int) -> None:
    turned = rotation_matrix(axis, math.pi / 2) @ torch.eye(3).double()[start]
    torch.testing.assert_close(turned, torch.eye(3).double()[end])


def test_a_tilt_turns_points_normals_and_box_centres_alike(scene: Scene) -> None:
    turned = rotate(scene, "x", 0.3)
    matrix = rotation_matrix("x", 0.3).float()
    torch.testing.assert_close(turned.coord, scene.coord @ matrix.T)
    torch.testing.assert_close(turned.normal, scene.normal @ matrix.T)
    assert turned.boxes is not None
    assert scene.boxes is not None
    torch.testing.assert_close(turned.boxes.center, scene.boxes.center @ matrix.T)
    assert_points_hit_their_pixels(turned)


def test_scale_grows_depth_and_boxes_but_not_normals(scene: Scene) -> None:
    grown = scale(scene, 2.5)
    assert_points_hit_their_pixels(grown)
    assert_boxes_hold_the_same_points(scene, grown)
    assert torch.equal(grown.normal, scene.normal)
    assert torch.equal(grown.views[0].depth, scene.views[0].depth * 2.5)
    assert torch.equal(grown.views[0].intrinsics, scene.views[0].intrinsics)


@pytest.mark.parametrize("factor", [0.0, -1.0, float("nan"), float("inf")])
def test_a_factor_that_is_not_positive_is_refused(scene: Scene, factor: float) -> None:
    with pytest.raises(ValueError, match="must be a positive number"):
        scale(scene, factor)


def test_center_shift_puts_the_scene_on_the_floor(scene: Scene) -> None:
    moved = center_shift(translate(scene, torch.tensor([30.0, -20.0, 7.0])))
    assert_boxes_hold_the_same_points(scene, moved)
    lower, upper = moved.coord.amin(dim=0), moved.coord.amax(dim=0)
    torch.testing.assert_close(lower[:2] + upper[:2], torch.zeros(2), atol=1e-4, rtol=0)
    assert lower[2] == 0


def test_a_scene_without_points_has_no_centre(scene: Scene) -> None:
    empty = torch.zeros(0, 3)
    with pytest.raises(ValueError, match="no centre"):
        center_shift(Scene(name="s", dataset="d", coord=empty, color=empty, normal=empty))


def test_augmentation_none_only_centres(scene: Scene, generator: torch.Generator) -> None:
    state = generator.get_state()
    changed = augment(scene, AugmentationConfig.none(), generator)
    for a, b in zip(tensors_of(changed), tensors_of(center_shift(scene)), strict=True):
        assert torch.equal(a, b)
    assert torch.equal(state, generator.get_state())


def test_augmentation_repeats_with_its_generator(make_scene: Callable[..., Scene]) -> None:
    config = AugmentationConfig()
    first, again, other = (
        augment(make_scene(), config, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)
    )
    assert torch.equal(first.coord, again.coord)
    assert torch.equal(first.color, again.color)
    assert not torch.equal(first.coord, other.coord)


@pytest.mark.parametrize("factors", [(1.2, 0.9), (0.0, 1.0), (1.0, float("inf"))])
def test_a_scale_range_must_be_one(factors: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="lower factor first"):
        AugmentationConfig(scale=factors)


def test_views_without_labels_can_be_mirrored(make_view: Callable[..., View], scene: Scene) -> None:
    bare = replace(make_view(0), semantic=None, instance=None)
    mirrored = flip(replace(scene, views=(bare,), boxes=None), "x").views[0]
    assert mirrored.semantic is None
    assert mirrored.instance is None
