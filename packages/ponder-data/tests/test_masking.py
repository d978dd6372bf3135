import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_data import MaskingConfig, Scene, mask_points
from ponder_data.transforms import block_mask, random_drop


def cloud(points: int, seed: int = 0, size: float = 2.0) -> Scene:
    generator = torch.Generator().manual_seed(seed)
    coord = size * torch.rand(points, 3, generator=generator)
    # The colour of a point tells which one it is.
    color = torch.arange(points, dtype=torch.float32)[:, None].expand(points, 3) / max(points, 1)
    return Scene(name="cloud", dataset="test", coord=coord, color=color, normal=torch.zeros(points, 3))


@pytest.mark.parametrize(
    ("points", "ratio", "left"), [(1000, 0.8, 200), (1000, 0.0, 1000), (3, 0.9, 2), (1, 0.9, 1)]
)
def test_random_drop_leaves_the_share_it_says(points: int, ratio: float, left: int) -> None:
    scene = cloud(points)
    dropped = random_drop(scene, torch.Generator().manual_seed(0), ratio)
    assert len(dropped) == left
    number = (dropped.color[:, 0] * points).round().long()
    assert number.tolist() == sorted(set(number.tolist()))
    assert torch.equal(dropped.coord, scene.coord[number])


def test_blocks_of_flat_cells_are_flat() -> None:
    scene, sides = cloud(400), torch.tensor([0.4, 0.4, 0.8], dtype=torch.float64)
    left = block_mask(scene, torch.Generator().manual_seed(0), (0.1, 0.1, 0.2), 4, 0.5)
    every = [tuple(row) for row in torch.floor(scene.coord.double() / sides).int().tolist()]
    kept = {tuple(row) for row in torch.floor(left.coord.double() / sides).int().tolist()}
    assert torch.equal(left.coord, scene.coord[torch.tensor([block in kept for block in every])])
    assert len(kept) == round(len(set(every)) / 2)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), block_voxels=st.integers(1, 12), ratio=st.floats(0, 0.95))
def test_block_mask_removes_whole_blocks(seed: int, block_voxels: int, ratio: float) -> None:
    scene, side = cloud(400, seed), 0.05 * block_voxels
    left = block_mask(scene, torch.Generator().manual_seed(seed), 0.05, block_voxels, ratio)
    every = {tuple(row) for row in torch.floor(scene.coord.double() / side).int().tolist()}
    kept = {tuple(row) for row in torch.floor(left.coord.double() / side).int().tolist()}
    untouched = [tuple(row) in kept for row in torch.floor(scene.coord.double() / side).int().tolist()]
    assert torch.equal(left.coord, scene.coord[torch.tensor(untouched)]), "a block was removed in part"
    assert len(left) >= 2
    expected = round(len(every) * (1 - ratio))
    assert len(kept) == expected or (expected <= 1 and len(kept) <= 2)


def test_block_mask_keeps_two_points_where_blocks_hold_one(generator: torch.Generator) -> None:
    scene = cloud(50, size=100.0)
    for _ in range(20):
        assert len(block_mask(scene, generator, 0.01, 8, 0.999)) == 2
    assert len(block_mask(cloud(1), generator, 0.01, 8, 0.9)) == 1


def test_masks_differ_with_the_generator_and_repeat_with_it() -> None:
    scene = cloud(500)
    for config in (MaskingConfig(kind="random", ratio=0.5), MaskingConfig(kind="block", ratio=0.5)):
        first, again, other = (
            mask_points(scene, config, 0.05, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
        )
        assert torch.equal(first.coord, again.coord)
        assert first.coord.shape != other.coord.shape or not torch.equal(first.coord, other.coord)


def test_masks_do_not_touch_views(scene: Scene, generator: torch.Generator) -> None:
    for kind in ("none", "random", "block"):
        masked = mask_points(scene, MaskingConfig(kind=kind), 0.05, generator)
        assert masked.views is scene.views
        assert masked.held_out_views is scene.held_out_views
        assert (len(masked) == len(scene)) == (kind == "none")


def test_bad_shares_are_refused(scene: Scene, generator: torch.Generator) -> None:
    for ratio in (1.0, -0.1):
        with pytest.raises(ValueError, match="random_drop: the ratio"):
            random_drop(scene, generator, ratio)
        with pytest.raises(ValueError, match="block_mask: the ratio"):
            block_mask(scene, generator, 0.05, 8, ratio)
    with pytest.raises(ValueError, match="block_voxels is 0"):
        block_mask(scene, generator, 0.05, 0)


def test_the_asked_share_of_scenes_is_masked(scene: Scene) -> None:
    config = MaskingConfig(kind="random", ratio=0.2, probability=0.2)
    masked = [
        len(mask_points(scene, config, 0.05, torch.Generator().manual_seed(seed))) < len(scene)
        for seed in range(100)
    ]
    assert 8 <= sum(masked) <= 34
