"""Fusion of the volumes of LiDAR and cameras, also where one of them is missing."""

import pytest
import torch
from ponder_encoders.fusion import VolumeFusion, VolumeFusionConfig
from pydantic import ValidationError
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

kinds = pytest.mark.parametrize("kind", ["sum", "concat"])


def make_fusion(**fields: object) -> VolumeFusion:
    config = VolumeFusionConfig.model_validate({"channels": 8, "groups": 4} | fields)
    return VolumeFusion(3, 5, config, generator=torch.Generator().manual_seed(0))


def make_volumes(batch: int = 2) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    lidar, camera = (torch.randn(batch, channels, 4, 5, 3, generator=generator) for channels in (3, 5))
    return lidar, camera


def test_a_sum_is_the_projections_added_before_the_blocks() -> None:
    fusion = make_fusion(blocks=2)
    lidar, camera = make_volumes()
    joined = torch.einsum("oi,bixyz->boxyz", fusion.lidar.projection.weight[..., 0, 0, 0], lidar)
    joined = joined + torch.einsum("oi,bixyz->boxyz", fusion.camera.projection.weight[..., 0, 0, 0], camera)
    torch.testing.assert_close(fusion(lidar, camera), fusion.blocks(joined))
    assert fusion(lidar, camera).shape == (2, fusion.out_channels, 4, 5, 3)


@kinds
@pytest.mark.parametrize("blocks", [0, 1])
def test_both_modalities_and_all_weights_matter(kind: str, blocks: int) -> None:
    fusion = make_fusion(kind=kind, blocks=blocks)
    lidar, camera = (volume.requires_grad_() for volume in make_volumes())
    fusion(lidar, camera).square().sum().backward()
    for tensor in (lidar, camera, fusion.lidar.projection.weight, fusion.camera.projection.weight):
        assert tensor.grad is not None
        assert tensor.grad.abs().sum() > 0
    for name, parameter in fusion.named_parameters():
        assert parameter.grad is not None, name


@kinds
def test_a_missing_modality_is_the_learned_vector_in_every_cell(kind: str) -> None:
    fusion = make_fusion(kind=kind)
    lidar, camera = make_volumes()
    with torch.no_grad():
        fusion.camera.absent.normal_()
        # A projection of nothing but a bias says the same in every cell.
        fusion_like_absent = make_fusion(kind=kind)
        fusion_like_absent.load_state_dict(fusion.state_dict())
        fusion_like_absent.camera.projection.weight.zero_()
        assert fusion_like_absent.camera.projection.bias is not None
        fusion_like_absent.camera.projection.bias.copy_(fusion.camera.absent)
    torch.testing.assert_close(fusion(lidar, None), fusion_like_absent(lidar, camera))
    assert not torch.allclose(fusion(lidar, None), fusion(lidar, camera))
    assert torch.isfinite(fusion(None, camera)).all()


@kinds
def test_training_drops_one_modality_of_a_scene_but_never_both(kind: str) -> None:
    fusion = make_fusion(kind=kind, drop_lidar=0.4, drop_camera=0.6)
    lidar, camera = make_volumes(batch=200)
    lidar, camera = lidar[:, :, :2, :2, :2], camera[:, :, :2, :2, :2]
    fused = fusion.train()(lidar, camera, torch.Generator().manual_seed(0))
    alone = fusion(None, camera), fusion(lidar, None)
    without_lidar, without_camera = (
        torch.isclose(fused, one, atol=1e-5).flatten(1).all(dim=1) for one in alone
    )
    assert (without_lidar ^ without_camera).all()
    # Four standard deviations of a share of 200 draws.
    assert abs(float(without_lidar.float().mean()) - 0.4) < 4 * (0.4 * 0.6 / 200) ** 0.5
    again = fusion(lidar, camera, torch.Generator().manual_seed(0))
    torch.testing.assert_close(fused, again)


def test_evaluation_drops_nothing() -> None:
    fusion = make_fusion(drop_lidar=0.5, drop_camera=0.5).eval()
    lidar, camera = make_volumes()
    torch.testing.assert_close(fusion(lidar, camera), make_fusion()(lidar, camera))


def test_scenes_of_a_batch_are_independent() -> None:
    fusion, (lidar, camera) = make_fusion(), make_volumes()
    torch.testing.assert_close(fusion(lidar, camera)[1:], fusion(lidar[1:], camera[1:]))


@kinds
def test_under_autocast(kind: str) -> None:
    fusion, (lidar, camera) = make_fusion(kind=kind), make_volumes()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed, alone = fusion(lidar, camera), fusion(lidar, None)
    torch.testing.assert_close(mixed.float(), fusion(lidar, camera), atol=0.1, rtol=0.1)
    torch.testing.assert_close(alone.float(), fusion(lidar, None), atol=0.1, rtol=0.1)


@kinds
def test_results_stay_on_the_device_of_the_volumes(kind: str) -> None:
    with FakeTensorMode(), torch.device("cuda"):
        config = VolumeFusionConfig(kind=kind, channels=32, drop_lidar=0.2)  # pyright: ignore[reportArgumentType]
        fusion = VolumeFusion(128, 64, config)
        fused = fusion(torch.zeros(1, 128, 180, 180, 5), torch.zeros(1, 64, 180, 180, 5))
        assert fused.device.type == "cuda"
        assert fused.shape == (1, 32, 180, 180, 5)


def test_what_cannot_be_fused_is_refused() -> None:
    fusion, (lidar, camera) = make_fusion(), make_volumes()
    with pytest.raises(ValueError, match="or both; got neither"):
        fusion(None, None)
    with pytest.raises(Exception, match=r"\(2, 4, 5, 3\)|x=4"):
        fusion(lidar, camera[:, :, :3])
    with pytest.raises(ValidationError, match="4 groups do not divide 6 channels"):
        VolumeFusionConfig(channels=6, groups=4)
    with pytest.raises(ValidationError, match="add up to more than 1"):
        VolumeFusionConfig(drop_lidar=0.7, drop_camera=0.7)
