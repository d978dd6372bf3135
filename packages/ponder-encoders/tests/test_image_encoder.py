"""The image branch from posed pictures to a volume."""

from collections.abc import Callable

import pytest
import torch
from ponder_encoders.image.backbone import ImageBackboneConfig, RandomWeightsWarning
from ponder_encoders.image.bevdepth import BevDepth, BevDepthConfig
from ponder_encoders.image.bevformer import BevFormerLift, BevFormerLiftConfig
from ponder_encoders.image.cameras import CameraBatch
from ponder_encoders.image.encoder import ImageEncoder, ImageEncoderConfig
from ponder_encoders.image.lift import Lift
from ponder_encoders.image.lss import LiftSplat, LiftSplatConfig
from ponder_encoders.image.masking import ImageMaskingConfig
from ponder_encoders.image.projection import ProjectionLift
from ponder_encoders.image.pyramid import FeaturePyramidConfig
from ponder_encoders.image.uvtr import UvtrLift, UvtrLiftConfig
from ponder_encoders.image.voxel_grid import VoxelGrid
from torch._subclasses.fake_tensor import FakeTensorMode

pytest.importorskip("timm", reason="timm is not installed (extra images)")

GRID = VoxelGrid(lower=(0.0, -4.0, -1.0), upper=(8.0, 4.0, 3.0), shape=(8, 8, 4))


def project_to(channels: int, stride: int) -> Lift:
    return ProjectionLift(grid=GRID, stride=stride)


def make_encoder(masked: bool = True, make_lift: Callable[[int, int], Lift] = project_to) -> ImageEncoder:
    config = ImageEncoderConfig(
        backbone=ImageBackboneConfig(name="test_convnext"),
        pyramid=FeaturePyramidConfig(channels=16),
        masking=ImageMaskingConfig(block=16) if masked else None,
    )
    with pytest.warns(RandomWeightsWarning):
        return ImageEncoder(
            config,
            make_lift,
            generator=torch.Generator().manual_seed(0),
        )


def looking_along_x(batch: int = 1, height: int = 50, width: int = 70) -> CameraBatch:
    """Two cameras a metre above the ground, one beside the other."""
    pose = torch.tensor([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 1], [0, 0, 0, 1]]).repeat(batch, 2, 1, 1)
    pose[:, 1, 1, 3] = 0.5
    intrinsics = torch.tensor([[40.0, 0, width / 2], [0, 40, height / 2], [0, 0, 1]])
    images = torch.rand(batch, 2, 3, height, width, generator=torch.Generator().manual_seed(1))
    return CameraBatch(images=images, intrinsics=intrinsics.expand(batch, 2, 3, 3), camera_to_world=pose)


def test_in_evaluation_it_is_its_parts_one_after_the_other() -> None:
    encoder, cameras = make_encoder().eval(), looking_along_x()
    encoded = encoder(cameras)
    assert encoder.stride == 8
    assert encoded.mask is None
    assert encoded.features.shape == (1, 2, 16, 7, 9)
    features = encoder.pyramid.finest(encoder.backbone(cameras.images))
    torch.testing.assert_close(encoded.features, features)
    torch.testing.assert_close(
        encoded.lifted.volume, ProjectionLift(grid=GRID, stride=8)(features, cameras).volume
    )
    assert encoded.lifted.volume.shape == (1, 16, 8, 8, 4)
    assert encoded.lifted.volume.abs().sum() > 0


def test_training_hides_blocks_and_reaches_every_weight() -> None:
    encoder, cameras = make_encoder().train(), looking_along_x(batch=2)
    encoded = encoder(cameras, torch.Generator().manual_seed(0))
    assert encoded.mask is not None
    assert encoded.mask.blocks.sum(dim=(2, 3)).tolist() == [[6, 6], [6, 6]]  # 0.3 of 4 x 5 blocks
    again = encoder(cameras, torch.Generator().manual_seed(0))
    torch.testing.assert_close(encoded.lifted.volume, again.lifted.volume)
    assert not torch.allclose(encoded.lifted.volume, encoder(cameras).lifted.volume)
    encoded.lifted.volume.square().sum().backward()
    # Only the finest level is lifted, so the last convolutions of the others have nothing to learn.
    unused = {name for name, parameter in encoder.named_parameters() if parameter.grad is None}
    assert {name.rsplit(".", 1)[0] for name in unused} == {"pyramid.output.1", "pyramid.output.2"}
    assert encoder.masking is not None
    assert encoder.masking.token.grad is not None
    assert encoder.masking.token.grad.abs().sum() > 0


MAKE_LIFTS: dict[str, Callable[[int, int], Lift]] = {
    "LSS": lambda c, s: LiftSplat(LiftSplatConfig(in_channels=c, out_channels=8), grid=GRID, stride=s),
    "BEVDepth": lambda c, s: BevDepth(BevDepthConfig(in_channels=c, out_channels=8), grid=GRID, stride=s),
    "UVTR": lambda c, s: UvtrLift(UvtrLiftConfig(in_channels=c, out_channels=8), grid=GRID, stride=s),
    "BEVFormer": lambda c, s: BevFormerLift(
        BevFormerLiftConfig(in_channels=c, out_channels=8, channels=8, layers=1, heads=2), grid=GRID, stride=s
    ),
}


@pytest.mark.parametrize("make_lift", MAKE_LIFTS.values(), ids=list(MAKE_LIFTS))
def test_every_lift_stands_behind_the_pyramid(make_lift: Callable[[int, int], Lift]) -> None:
    encoder, cameras = make_encoder(masked=False, make_lift=make_lift), looking_along_x()
    encoded = encoder(cameras)
    assert encoded.lifted.volume.shape == (1, 8, 8, 8, 4)
    assert encoded.lifted.volume.abs().sum() > 0
    encoded.lifted.volume.square().sum().backward()
    first = next(encoder.backbone.parameters())
    assert first.grad is not None
    assert first.grad.abs().sum() > 0


def test_a_hidden_block_starts_as_the_mean_colour() -> None:
    encoder = make_encoder()
    assert encoder.masking is not None
    assert encoder.masking.token.tolist() == pytest.approx(list(encoder.backbone.mean_color))


def test_under_autocast_the_volume_is_float32() -> None:
    encoder, cameras = make_encoder(masked=False), looking_along_x()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = encoder(cameras)
    assert mixed.features.dtype == torch.bfloat16
    assert mixed.lifted.volume.dtype == torch.float32
    exact = encoder(cameras).lifted.volume
    cosine = torch.nn.functional.cosine_similarity(mixed.lifted.volume.flatten(), exact.flatten(), dim=0)
    assert cosine > 0.99


def test_results_stay_on_the_device_of_the_images() -> None:
    encoder = make_encoder().train()
    with FakeTensorMode(), torch.device("cuda"):
        state = {
            name: torch.empty(value.shape)
            for name, value in (*encoder.named_parameters(), *encoder.named_buffers())
        }
        cameras = CameraBatch(
            images=torch.zeros(1, 2, 3, 90, 160),
            intrinsics=torch.zeros(1, 2, 3, 3),
            camera_to_world=torch.zeros(1, 2, 4, 4),
        )
        encoded = torch.func.functional_call(encoder, state, (cameras,))
        assert encoded.lifted.volume.device.type == "cuda"
        assert encoded.lifted.volume.shape == (1, 16, 8, 8, 4)
        assert encoded.mask is not None
        assert encoded.mask.pixels.device.type == "cuda"
