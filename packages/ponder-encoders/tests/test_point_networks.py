"""DGCNN and PointNet++ as a user meets them: packed scenes of any size, devices, precision, bad input."""

import pytest
import torch
from ponder_encoders import Dgcnn, DgcnnConfig, PointNet2, PointNet2Config, PositionBatch
from pydantic import ValidationError
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode


def batch_of(counts: tuple[int, ...], channels: int = 3, seed: int = 0) -> PositionBatch:
    generator = torch.Generator().manual_seed(seed)
    return PositionBatch(
        positions=torch.rand(sum(counts), 3, generator=generator) * 2,
        features=torch.randn(sum(counts), channels, generator=generator),
        offsets=torch.tensor(counts).cumsum(0),
    )


def network_of(kind: str, in_channels: int = 3) -> Dgcnn | PointNet2:
    generator = torch.Generator().manual_seed(0)
    if kind == "dgcnn":
        return Dgcnn(DgcnnConfig.tiny(in_channels), generator=generator)
    return PointNet2(PointNet2Config.tiny(in_channels), generator=generator)


def encode(network: nn.Module, batch: PositionBatch) -> Tensor:
    if isinstance(network, PointNet2):
        return network.encode_points(batch)
    return network(batch)


both = pytest.mark.parametrize("kind", ["dgcnn", "pointnet2"])


@both
@pytest.mark.parametrize("counts", [(60, 40), (1,), (3, 0, 50), (1, 1)])
@pytest.mark.parametrize("channels", [0, 3])
def test_one_feature_for_each_point_and_gradients_for_all(
    kind: str, counts: tuple[int, ...], channels: int
) -> None:
    network, batch = network_of(kind, channels), batch_of(counts, channels)
    batch.positions.requires_grad_()
    features = encode(network, batch)
    assert features.shape == (sum(counts), network.out_channels)
    features.square().sum().backward()
    assert batch.positions.grad is not None
    assert torch.isfinite(batch.positions.grad).all()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        if counts == (60, 40):
            assert parameter.grad.abs().sum() > 0, name


@both
def test_scenes_of_a_batch_do_not_mix(kind: str) -> None:
    network = network_of(kind).eval()
    first, second = batch_of((40,), seed=1), batch_of((70,), seed=2)
    together = PositionBatch(
        positions=torch.cat([first.positions, second.positions]),
        features=torch.cat([first.features, second.features]),
        offsets=torch.tensor([40, 40, 110]),
    )
    alone = torch.cat([encode(network, first), encode(network, second)])
    torch.testing.assert_close(encode(network, together), alone)


def test_dgcnn_does_not_depend_on_the_order_of_points() -> None:
    network, batch = network_of("dgcnn").eval(), batch_of((50,))
    shuffle = torch.randperm(50, generator=torch.Generator().manual_seed(0))
    shuffled = PositionBatch(
        positions=batch.positions[shuffle], features=batch.features[shuffle], offsets=batch.offsets
    )
    torch.testing.assert_close(network(shuffled), network(batch)[shuffle], atol=1e-5, rtol=1e-5)


@both
def test_points_on_top_of_each_other(kind: str) -> None:
    batch = batch_of((30,))
    doubled = PositionBatch(
        positions=batch.positions[:1].repeat(30, 1),
        features=batch.features[:1].repeat(30, 1),
        offsets=batch.offsets,
    )
    features = encode(network_of(kind).eval(), doubled)
    torch.testing.assert_close(features, features[:1].expand_as(features))


@both
def test_under_autocast(kind: str) -> None:
    network, batch = network_of(kind).train(), batch_of((60, 40))
    exact = encode(network, batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = encode(network, batch)
    mixed.float().square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
    cosine = torch.nn.functional.cosine_similarity(mixed.float().flatten(), exact.flatten(), dim=0)
    assert cosine > 0.98


@both
@pytest.mark.parametrize("training", [False, True])
def test_results_stay_on_the_device_of_the_points(kind: str, training: bool) -> None:
    with FakeTensorMode(), torch.device("cuda"):
        network = Dgcnn(DgcnnConfig.tiny()) if kind == "dgcnn" else PointNet2(PointNet2Config.tiny())
        network.train(training)
        encoded = network.encode(torch.zeros(50, 3), torch.zeros(50, 3), (30, 0, 20))
        features = encoded if isinstance(encoded, Tensor) else encoded.features
        assert features.device.type == "cuda"
        assert features.shape == (50, network.out_channels)


@both
@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cpu_and_cuda_agree(kind: str) -> None:
    batch, outcomes = batch_of((60, 40)), []
    for device in ("cpu", "cuda"):
        network = network_of(kind).to(device)
        placed = PositionBatch(
            positions=batch.positions.to(device),
            features=batch.features.to(device),
            offsets=batch.offsets.to(device),
        )
        outcomes.append(encode(network, placed).cpu())
    torch.testing.assert_close(*outcomes, atol=1e-3, rtol=1e-3)


@both
def test_bad_batches_are_refused(kind: str) -> None:
    network = network_of(kind)
    with pytest.raises(ValueError, match="reads 3 channels, but features have 5"):
        network(batch_of((20,), channels=5))
    with pytest.raises(ValueError, match="the batch has no points"):
        network(batch_of((0, 0)))
    batch = batch_of((20,))
    wrong = PositionBatch(positions=batch.positions, features=batch.features, offsets=torch.tensor([10, 25]))
    with pytest.raises(ValueError, match="offsets must rise to the number of points, 20"):
        network(wrong)


@both
def test_the_generator_decides_the_weights(kind: str) -> None:
    torch.manual_seed(1)
    first = network_of(kind).state_dict()
    torch.manual_seed(2)
    second = network_of(kind).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_seeds_are_points_of_the_batch() -> None:
    config = PointNet2Config.tiny().model_copy(update={"propagation_channels": ((24,),)})
    network, batch = PointNet2(config).eval(), batch_of((100, 20))
    seeds = network(batch)
    # One propagation from the 8 seeds of the second level leads to the first level's: 32, or all of 20.
    assert seeds.offsets.tolist() == [32, 52]
    assert seeds.features.shape == (52, 24)
    assert torch.equal(seeds.positions, batch.positions[seeds.index])
    # A seed lies on itself, so that interpolation there gives back its own feature.
    of_points = network.encode_points(batch)
    torch.testing.assert_close(of_points[seeds.index], seeds.features, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("config", "millions"),
    [
        (DgcnnConfig.full(), 0.98),
        (DgcnnConfig.small(), 0.09),
        (PointNet2Config.full(), 0.642),
        (PointNet2Config.full_per_point(), 0.94),
        (PointNet2Config.small(), 0.162),
    ],
    ids=["dgcnn", "dgcnn small", "pointnet2", "pointnet2 per point", "pointnet2 small"],
)
def test_named_sizes(config: DgcnnConfig | PointNet2Config, millions: float) -> None:
    with torch.device("meta"):
        network = Dgcnn(config) if isinstance(config, DgcnnConfig) else PointNet2(config)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.005)


@pytest.mark.parametrize(
    "sizes",
    [{"seeds": (8,)}, {"radii": (0.1, 0.2, 0.3, -1)}, {"propagation_channels": ((8,),) * 5}, {"width": 3}],
)
def test_impossible_sizes_are_refused(sizes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        PointNet2Config.model_validate(sizes)
    with pytest.raises(ValidationError):
        DgcnnConfig.model_validate({"edge_channels": ()})


@pytest.mark.parametrize(
    ("positions", "features", "offsets", "message"),
    [
        ((5, 3), (4, 2), (1,), r"one row for each point: positions \(5, 3\), features \(4, 2\)"),
        ((5, 2), (5, 2), (1,), r"positions \(points, 3\) and features \(points, channels\)"),
        ((5, 3), (5, 2), (0,), "offsets must hold the cumulative number of points"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    positions: tuple[int, ...], features: tuple[int, ...], offsets: tuple[int, ...], message: str
) -> None:
    # The type checker of these tests would refuse such a batch first; users run without it.
    batch = object.__new__(PositionBatch)
    object.__setattr__(batch, "positions", torch.zeros(positions))
    object.__setattr__(batch, "features", torch.zeros(features))
    object.__setattr__(batch, "offsets", torch.zeros(offsets, dtype=torch.int64))
    with pytest.raises(ValueError, match=message):
        batch.__post_init__()
