"""The cameras' volume: five lifts by name, masks in training alone, and nothing where no camera looks."""

from typing import get_args

import pytest
import torch
from ponder_encoders.image.depth_bins import DepthBinsConfig
from ponder_encoders.image.masking import ImageMaskingConfig
from ponder_encoders.image.pyramid import FeaturePyramidConfig
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_tasks.outdoor.camera_volume import CameraVolume, CameraVolumeConfig, LiftName
from ponder_tasks.outdoor.image_batch import ImageBatch
from pydantic import ValidationError

pytest.importorskip("timm", reason="timm is not installed (extra images)")

GRID = VoxelGrid(lower=(-8.0, -8.0, -2.0), upper=(8.0, 8.0, 2.0), shape=(8, 8, 4))
LIFTS: tuple[LiftName, ...] = get_args(LiftName)


def make_config(lift: LiftName, **changes: object) -> CameraVolumeConfig:
    settings: dict[str, object] = {
        "backbone": "test_convnext",
        "weights": "random",
        "pyramid": FeaturePyramidConfig(channels=16, normalise=True),
        "channels": 16,
        "depth_bins": DepthBinsConfig(nearest=1.0, farthest=9.0, count=16),
        "layers": 1,
        **changes,
    }
    return CameraVolumeConfig.model_validate({"lift": lift, **settings})


def make_volume(lift: LiftName, **changes: object) -> CameraVolume:
    torch.manual_seed(0)
    return CameraVolume(make_config(lift, **changes), GRID)


def looking_along_x(scenes: int = 1, depth: float | None = 4.0) -> ImageBatch:
    """One camera of 90 degrees at the origin."""
    pose = torch.tensor([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    intrinsics = torch.tensor([[32.0, 0, 31.5], [0, 32, 31.5], [0, 0, 1]])
    generator = torch.Generator().manual_seed(1)
    return ImageBatch(
        color=torch.randint(256, (scenes, 1, 3, 64, 64), dtype=torch.uint8, generator=generator),
        intrinsics=intrinsics.expand(scenes, 1, 3, 3),
        camera_to_world=pose.expand(scenes, 1, 4, 4),
        depth=None if depth is None else torch.full((scenes, 1, 64, 64), depth),
    )


@pytest.mark.parametrize("lift", LIFTS)
def test_a_volume_is_empty_where_no_camera_looks(lift: LiftName) -> None:
    volume = make_volume(lift).eval()
    features = volume(looking_along_x()).volume.detach()
    assert features.shape == (1, volume.out_channels, 8, 8, 4)
    x, y, _ = GRID.centers().unflatten(0, GRID.shape).unbind(-1)
    filled = features[0].abs().sum(dim=0) > 0
    assert not filled[x < 0].any()
    outside = y.abs() > x + 2.0  # beyond a cell from the edge of the picture
    assert not filled[outside].any()
    assert filled[x > 0].float().mean() > 0.3


@pytest.mark.parametrize("lift", LIFTS)
def test_masks_hide_in_training_only(lift: LiftName) -> None:
    volume, images = make_volume(lift, masking=ImageMaskingConfig(block=16, ratio=0.5)), looking_along_x()
    volume.eval()
    torch.testing.assert_close(volume(images).volume, volume(images).volume)
    volume.train()
    first, second = (volume(images, torch.Generator().manual_seed(seed)).volume for seed in (0, 1))
    assert not torch.allclose(first, second)


def test_without_masking_training_hides_nothing() -> None:
    volume, images = make_volume("uvtr", masking=None).train(), looking_along_x()
    torch.testing.assert_close(volume(images).volume, volume.eval()(images).volume)


def test_bevdepth_alone_learns_from_depth() -> None:
    images = looking_along_x()
    for lift in LIFTS:
        found = make_volume(lift).train()(images)
        assert (found.depth_loss is not None) == (lift == "bevdepth"), lift
    volume = make_volume("bevdepth")
    assert volume.eval()(images).depth_loss is None
    with pytest.raises(ValueError, match="prepare it with depth"):
        volume.train()(looking_along_x(depth=None))
    unsupervised = make_volume("bevdepth", depth_weight=0.0).train()
    assert unsupervised(looking_along_x(depth=None)).depth_loss is None


def test_bevdepth_finds_the_depth_it_is_taught() -> None:
    volume, images = make_volume("bevdepth", masking=None).train(), looking_along_x(scenes=2, depth=6.3)
    optimizer = torch.optim.Adam(volume.parameters(), lr=1e-2)
    losses = []
    for _ in range(25):
        loss = volume(images).depth_loss
        assert loss is not None
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    features = volume(images).volume.detach().abs().sum(dim=(0, 1, 4))  # over x and y
    assert int(features.sum(dim=1).argmax()) == 7  # cells of 2 m from -8 m: 6.3 m ahead lies in the last


def test_names_choose_the_network() -> None:
    with torch.device("meta"):
        sizes = {
            name: sum(p.numel() for p in CameraVolume(make_config("uvtr", backbone=name), GRID).parameters())
            for name in ("convnext_tiny", "convnext_base")
        }
    assert 27e6 < sizes["convnext_tiny"] < 29e6
    assert 86e6 < sizes["convnext_base"] < 90e6
    with pytest.raises(ValueError, match="nearest are"):
        CameraVolume(make_config("uvtr", backbone="convnext_bse"), GRID)


def test_sizes_that_cannot_be_are_told() -> None:
    with pytest.raises(ValidationError, match="bevformer needs a multiple of 16"):
        make_config("bevformer", channels=24)
    with pytest.raises(ValidationError, match="lift"):
        make_config("bevdet4d")  # type: ignore[arg-type]


@pytest.mark.parametrize("lift", LIFTS)
def test_every_weight_that_can_learn_does(lift: LiftName) -> None:
    volume = make_volume(lift).train()
    found = volume(looking_along_x())
    loss = found.volume.square().sum() + (0.0 if found.depth_loss is None else found.depth_loss)
    loss.backward()
    idle = [n for n, p in volume.named_parameters() if p.requires_grad and p.grad is None]
    assert not idle
