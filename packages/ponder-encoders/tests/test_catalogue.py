"""Encoders by name, features of stages, and encoders that are only used."""

from collections.abc import Callable

import pytest
import torch
from ponder_encoders import (
    PointBatch,
    PositionBatch,
    SparseUNet,
    SparseUNetConfig,
    VoxelNet,
    create_encoder,
    frozen,
    list_encoders,
)
from torch import nn

MakeBatch = Callable[..., PointBatch]


def scattered_points(channels: int) -> PositionBatch:
    generator = torch.Generator().manual_seed(0)
    return PositionBatch(
        positions=torch.rand(300, 3, generator=generator) * 4 - 2,
        features=torch.rand(300, channels, generator=generator),
        offsets=torch.tensor([120, 300]),
    )


@pytest.mark.parametrize("info", list_encoders(), ids=lambda info: info.name)
def test_every_encoder_is_made_by_name_and_encodes(make_batch: MakeBatch, info) -> None:
    encoder = create_encoder(info.name, size="tiny", in_channels=4)
    assert type(encoder) is info.encoder
    batch = make_batch() if isinstance(encoder, SparseUNet) else scattered_points(4)
    with frozen(encoder) as network:
        found = network(batch)
    if isinstance(encoder, SparseUNet):
        assert found.shape == (100, encoder.out_channels)
    elif isinstance(encoder, VoxelNet):
        assert found.volume().shape[0] == 2
    else:
        features = found if torch.is_tensor(found) else found.features
        assert features.shape[1] == encoder.out_channels


@pytest.mark.parametrize("info", list_encoders(), ids=lambda info: info.name)
def test_every_size_is_a_valid_config(info) -> None:
    for size in info.sizes.values():
        assert size(in_channels=5).in_channels == 5


def test_settings_reach_the_config() -> None:
    encoder = create_encoder("sparse-unet", size="tiny", in_channels=6, conditions=("ScanNet", "S3DIS"))
    assert isinstance(encoder, SparseUNet)
    assert encoder.config.conditions == ("ScanNet", "S3DIS")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("sparse-unett", {}, "there is no encoder 'sparse-unett': did you mean 'sparse-unet'?"),
        ("transformer", {}, "use one of sparse-unet, voxelnet, dgcnn, pointnet2"),
        ("dgcnn", {"size": "huge"}, "dgcnn has no size 'huge': use one of full, small, tiny"),
        ("dgcnn", {"neighbors": 3}, "dgcnn has no setting 'neighbors': did you mean 'neighbours'?"),
        ("dgcnn", {"neighbours": 0}, "neighbours"),
    ],
)
def test_what_is_not_there_is_told(name: str, settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        create_encoder(name, **settings)


def test_stages_go_down_and_up_again_over_the_same_cells(make_batch: MakeBatch) -> None:
    batch = make_batch(counts=(200, 100))
    unet = SparseUNet(SparseUNetConfig.tiny(in_channels=4))
    with frozen(unet):
        stages, features = unet.stage_features(batch), unet(batch)
    channels = [stage.features.shape[1] for stage in stages]
    assert channels == [unet.config.base_channels, *unet.config.channels]
    for up, down in enumerate(reversed(range(unet.config.stages))):
        assert stages[unet.config.stages + 1 + up].cells is stages[down].cells
    scene, coordinates = stages[-1].cells.scene_and_coordinates()
    rows = {(int(s), *c): row for row, (s, c) in enumerate(zip(scene, coordinates.tolist(), strict=True))}
    scenes = [0] * 200 + [1] * 100
    order = [rows[(s, *c)] for s, c in zip(scenes, batch.grid_coord.tolist(), strict=True)]
    torch.testing.assert_close(stages[-1].features[order], features)
    halved = stages[0].cells.scene_and_coordinates()[1] >> 1
    coarser = stages[1].cells.scene_and_coordinates()[1]
    assert torch.equal(torch.unique(halved, dim=0), torch.unique(coarser, dim=0))


def test_a_frozen_encoder_learns_nothing_and_comes_back_as_it_was(make_batch: MakeBatch) -> None:
    unet = SparseUNet(SparseUNetConfig.tiny(in_channels=4)).train()
    unet.stem.eval()
    modes = {name: module.training for name, module in unet.named_modules()}
    before = {name: value.clone() for name, value in unet.state_dict().items()}
    batch = make_batch()
    with frozen(unet) as network:
        assert not any(module.training for module in network.modules())
        first, second = network(batch), network(batch)
    assert torch.equal(first, second)
    assert not first.requires_grad
    assert {name: module.training for name, module in unet.named_modules()} == modes
    for name, value in unet.state_dict().items():
        assert torch.equal(value, before[name])
    with pytest.raises(RuntimeError, match="stop"), frozen(unet):
        fail(unet)
    assert {name: module.training for name, module in unet.named_modules()} == modes


def fail(_: nn.Module) -> None:
    raise RuntimeError("stop")
