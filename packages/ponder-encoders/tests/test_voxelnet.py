"""VoxelNet as a user meets it: maps, batches, bad input, sizes, other devices."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from ponder_encoders import PositionBatch, VoxelNet, VoxelNetConfig, voxelize
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_encoders.sparse.backend import SparseBackend
from ponder_encoders.sparse.backend_torch import TorchBackend
from ponder_encoders.sparse.dense import densify
from ponder_encoders.sparse.keys import unpack_keys
from ponder_encoders.sparse.rulebook import NeighbourTable
from ponder_encoders.sparse.strided_rulebook import PairTable, StridedRulebook
from ponder_encoders.sparse.tensor import OccupiedCells, SparseTensor
from pydantic import ValidationError
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode


def make_sweeps(counts: tuple[int, ...] = (120, 80), seed: int = 0) -> PositionBatch:
    """Points in and around the box of the tiny config."""
    generator = torch.Generator().manual_seed(seed)
    spread = torch.tensor([14.0, 14.0, 9.0])
    positions = (torch.rand(sum(counts), 3, generator=generator) - 0.5) * spread - torch.tensor([0, 0, 1.0])
    return PositionBatch(
        positions=positions,
        features=torch.rand(sum(counts), 2, generator=generator),
        offsets=torch.tensor(counts).cumsum(0),
    )


def make_net(backend: str = "torch", **changes: object) -> VoxelNet:
    config = VoxelNetConfig.tiny().model_dump() | {"backend": backend} | changes
    net = VoxelNet(VoxelNetConfig.model_validate(config), generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    for name, buffer in net.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.copy_(torch.rand(buffer.shape, generator=generator) * 0.2 + 0.5)
    return net


def only(batch: PositionBatch, rows: slice, offsets: list[int]) -> PositionBatch:
    return PositionBatch(
        positions=batch.positions[rows], features=batch.features[rows], offsets=torch.tensor(offsets)
    )


def test_maps_and_gradients_for_all(backend: SparseBackend) -> None:
    net, batch = make_net(backend.name).train(), make_sweeps()
    batch.features.requires_grad_()
    features = net(batch)
    assert [stage.cells.shape for stage in features.stages] == [
        (32, 32, 41),
        (16, 16, 21),
        (8, 8, 11),
        (4, 4, 5),
    ]
    assert features.dropped == 200 - int(voxelize(batch, net.config.grid).points.sum())
    assert 0 < features.dropped < 100
    bev, volume = features.bev(), features.volume()
    assert bev.shape == (2, net.config.bev_channels, 4, 4) == (2, 48, 4, 4)
    assert volume.shape == (2, 24, 4, 4, 5)
    bev.square().sum().backward()
    for name, parameter in [("features", batch.features), *net.named_parameters()]:
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_every_backend_gives_the_same_map(backend: SparseBackend) -> None:
    batch = make_sweeps()
    expected, result = (make_net(name).eval()(batch).bev() for name in ("torch", backend.name))
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-4)


def dense_stage(volume: Tensor, mask: Tensor, stage: nn.Module) -> Tensor:
    """Residual blocks on a dense volume, kept to the cells of ``mask``."""
    for block in stage.children():
        inner = volume
        for k in (1, 2):
            convolution, norm = getattr(block, f"convolution{k}"), getattr(block, f"norm{k}")
            kernel = convolution.weight.view(3, 3, 3, *convolution.weight.shape[1:]).permute(4, 3, 0, 1, 2)
            inner = dense_norm(F.conv3d(inner, kernel, padding=1), norm) * mask
            inner = torch.relu(inner) if k == 1 else inner
        volume = torch.relu(inner + volume)
    return volume


def dense_norm(volume: Tensor, norm: Any) -> Tensor:
    return F.batch_norm(volume, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


@torch.no_grad()
def test_the_whole_network_is_dense_convolutions_at_occupied_cells() -> None:
    net, batch = make_net().double().eval(), make_sweeps()
    batch = PositionBatch(
        positions=batch.positions.double(), features=batch.features.double(), offsets=batch.offsets
    )
    voxels = voxelize(batch, net.config.grid, 1)
    start = SparseTensor(features=voxels.features, cells=voxels.cells, backend=TorchBackend())
    ones = start.with_features(torch.ones(len(start.cells), 1, dtype=torch.float64))
    volume, mask = densify(start, 2), densify(ones, 2)
    kernel = net.stem.weight.view(3, 3, 3, 5, 8).permute(4, 3, 0, 1, 2)
    volume = torch.relu(dense_norm(F.conv3d(volume, kernel, padding=1), net.stem_norm)) * mask
    layers = [(None, None), *((j.convolution, j.norm) for j in net.junctions), (net.last, net.last_norm)]
    for index, (convolution, norm) in enumerate(layers):
        if convolution is not None:
            stride, padding = convolution.geometry.stride, convolution.geometry.padding
            sizes = (*convolution.geometry.kernel, *convolution.weight.shape[1:])
            kernel = convolution.weight.view(sizes).permute(4, 3, 0, 1, 2)
            reach = torch.ones(1, 1, *sizes[:3], dtype=torch.float64)
            mask = (F.conv3d(mask, reach, stride=stride, padding=padding) > 0.5).double()
            volume = F.conv3d(volume, kernel, stride=stride, padding=padding)
            volume = torch.relu(dense_norm(volume, norm)) * mask
        if index < 4:
            volume = dense_stage(volume, mask, net.stages[index])
    features = net(batch)
    assert torch.equal(densify(features.last, 2) != 0, volume != 0)
    torch.testing.assert_close(densify(features.last, 2), volume)
    torch.testing.assert_close(
        features.bev(), torch.cat([volume[:, c].permute(0, 3, 1, 2) for c in range(24)], dim=1)
    )


def test_scenes_do_not_mix_and_may_be_empty() -> None:
    net, batch = make_net().eval(), make_sweeps((90, 60))
    first, second = batch.positions[:90], batch.positions[90:]
    gapped = PositionBatch(
        positions=torch.cat([first, second]),
        features=batch.features,
        offsets=torch.tensor([0, 90, 90, 150]),
    )
    together = net(gapped).bev()
    assert together.shape[0] == 4
    assert torch.equal(together[0], torch.zeros_like(together[0]))
    assert torch.equal(together[2], torch.zeros_like(together[0]))
    torch.testing.assert_close(together[1:2], net(only(batch, slice(0, 90), [90])).bev())
    torch.testing.assert_close(together[3:4], net(only(batch, slice(90, 150), [60])).bev())


def test_the_order_of_points_changes_only_rounding() -> None:
    net, batch = make_net().eval(), make_sweeps((150,))
    order = torch.randperm(150, generator=torch.Generator().manual_seed(3))
    shuffled = PositionBatch(
        positions=batch.positions[order], features=batch.features[order], offsets=batch.offsets
    )
    torch.testing.assert_close(net(shuffled).bev(), net(batch).bev(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("keep_height", [False, True])
def test_a_finer_grid_with_pooling_gives_maps_of_the_same_size(keep_height: bool) -> None:
    fine = {"lower": (-6.4, -6.4, -5.0), "upper": (6.4, 6.4, 3.0), "shape": (64, 64, 40)}
    net = make_net(grid=fine, pool=(2, 2, 1), keep_height=keep_height).train()
    features = net(make_sweeps())
    assert features.stages[0].cells.shape == (32, 32, 41)
    assert features.volume().shape == (2, 24, 4, 4, 5)
    assert (
        features.bev().shape
        == (2, 24 * (5 if keep_height else 2), 4, 4)
        == (2, net.config.bev_channels, 4, 4)
    )
    features.bev().square().sum().backward()
    assert net.stem.weight.grad is not None
    assert net.stem.weight.grad.abs().sum() > 0
    source = features.last if keep_height else features.stages[-1]
    assert torch.equal(features.volume(), densify(source, 2))


def test_under_autocast(backend: SparseBackend) -> None:
    net, batch = make_net(backend.name).train(), make_sweeps()
    exact = net(batch).bev()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = net(batch).bev()
    assert mixed.isfinite().all()
    assert F.cosine_similarity(mixed.float().flatten(), exact.flatten(), dim=0) > 0.99
    mixed.float().square().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in net.parameters())


def test_published_sizes() -> None:
    config = VoxelNetConfig.full()
    assert config.volume_shape == (180, 180, 5)
    assert (config.out_shape, config.bev_channels) == ((180, 180, 2), 256)
    assert sum(parameter.numel() for parameter in VoxelNet(config).parameters()) == 2_694_352
    assert config.grid.cell_size == pytest.approx((0.075, 0.075, 0.2))
    assert config.volume_grid.cell_size == pytest.approx((0.6, 0.6, 1.6))
    height = VoxelNetConfig.full(keep_height=True)
    assert (height.out_shape, height.out_channels) == ((180, 180, 5), 256)
    fine = VoxelNetConfig.high_definition()
    assert (fine.volume_shape, fine.grid.cell_size[:2]) == ((180, 180, 5), pytest.approx((0.0375, 0.0375)))
    assert VoxelNetConfig.small().volume_shape == (128, 128, 5)


def test_configs_that_cannot_be_are_refused() -> None:
    with pytest.raises(
        ValidationError, match="4 stages need 4 entries in layers and 3 in paddings, not 4 and 1"
    ):
        VoxelNetConfig(paddings=((1, 1, 1),))
    flat = VoxelGrid(lower=(-1.0, -1.0, -1.0), upper=(1.0, 1.0, 1.0), shape=(64, 64, 2))
    with pytest.raises(ValidationError, match=r"does not fit into a grid of \(16, 16, 1\) cells"):
        VoxelNetConfig(grid=flat)
    with pytest.raises(ValidationError, match="pool"):
        VoxelNetConfig.model_validate({"pool": 2})


def test_the_wrong_channels_are_refused() -> None:
    batch = make_sweeps()
    wrong = PositionBatch(positions=batch.positions, features=batch.features[:, :1], offsets=batch.offsets)
    with pytest.raises(ValueError, match="reads 2 channels, but features have 1"):
        make_net()(wrong)


def pretend(cells: OccupiedCells, device: str) -> OccupiedCells:
    """The same cells and rulebooks with tensors of the same sizes on a device that need not exist."""

    def like(tensor: Tensor) -> Tensor:
        return torch.zeros(tensor.shape, dtype=tensor.dtype, device=device)

    def turned(table: PairTable) -> PairTable:
        return PairTable([(like(a), like(b)) for a, b in table.pairs], table.inputs, table.outputs)

    fake = OccupiedCells(like(cells.keys), cells.shape)
    fake._neighbours = {size: NeighbourTable(like(table.rows)) for size, table in cells._neighbours.items()}
    fake._strided = {
        geometry: (
            pretend(reached, device),
            StridedRulebook(there=turned(rulebook.there), back=turned(rulebook.back)),
        )
        for geometry, (reached, rulebook) in cells._strided.items()
    }
    return fake


def test_encoding_stays_on_the_device_of_its_inputs() -> None:
    net, batch = make_net(layers=(1, 0, 1, 0)), make_sweeps()
    voxels = voxelize(batch, net.config.grid, 1)
    real = SparseTensor(features=voxels.features, cells=voxels.cells, backend=TorchBackend())
    stages = net.eval().encode(real)  # builds every rulebook
    net.last(stages[-1])
    with FakeTensorMode(), torch.device("cuda"):
        fake_net = VoxelNet(net.config)
        features = torch.zeros(voxels.features.shape, device="cuda")
        tensor = SparseTensor(features=features, cells=pretend(voxels.cells, "cuda"), backend=TorchBackend())
        fake_stages = fake_net.encode(tensor)
        for stage, fake in zip(stages, fake_stages, strict=True):
            assert fake.features.device.type == "cuda"
            assert fake.features.shape == stage.features.shape
        bev = densify(fake_net.last(fake_stages[-1]), 2)
        assert bev.device.type == "cuda"
        assert bev.shape == (2, 24, 4, 4, 2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ["torch", "auto"])
def test_cuda_gives_the_numbers_of_the_cpu(name: str) -> None:
    batch = make_sweeps()
    expected = make_net().eval()(batch)
    placed = PositionBatch(
        positions=batch.positions.cuda(), features=batch.features.cuda(), offsets=batch.offsets.cuda()
    )
    result = make_net(name).eval().cuda()(placed)
    scene, coordinates = unpack_keys(expected.last.cells.keys)
    assert torch.equal(result.last.cells.keys.cpu(), expected.last.cells.keys)
    assert coordinates.amax() < 5
    assert scene.amax() == 1
    torch.testing.assert_close(result.bev().cpu(), expected.bev(), rtol=1e-2, atol=1e-2)
