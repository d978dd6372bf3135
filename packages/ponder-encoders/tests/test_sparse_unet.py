"""SparseUNet as a user meets it: order, batches, tiny clouds, bad input, sizes."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ponder_encoders import PointBatch, SparseUNet, SparseUNetConfig
from ponder_encoders.sparse.backend import SparseBackend
from pydantic import ValidationError
from torch import Tensor

MakeBatch = Callable[..., PointBatch]


def tiny_unet(in_channels: int = 4, backend: str = "torch", seed: int = 0) -> SparseUNet:
    config = SparseUNetConfig.model_validate(
        {
            "in_channels": in_channels,
            "base_channels": 8,
            "channels": (8, 12, 12, 10),
            "layers": (1, 2, 1, 1),
            "backend": backend,
        }
    )
    unet = SparseUNet(config, generator=torch.Generator().manual_seed(seed))
    # Running statistics away from 0 and 1, so that evaluation depends on them.
    generator = torch.Generator().manual_seed(seed)
    for name, buffer in unet.named_buffers():
        if name.endswith(("running_mean", "running_var")):
            buffer.copy_(torch.rand(buffer.shape, generator=generator) * 0.2 + 0.5)
    return unet


def rows(batch: PointBatch, chosen: Tensor, offsets: list[int]) -> PointBatch:
    return PointBatch(
        grid_coord=batch.grid_coord[chosen], features=batch.features[chosen], offsets=torch.tensor(offsets)
    )


def test_one_feature_for_each_point_and_gradients_for_all(
    backend: SparseBackend, make_batch: MakeBatch
) -> None:
    unet, batch = tiny_unet(backend=backend.name), make_batch()
    batch.features.requires_grad_()
    features = unet(batch)
    assert features.shape == (100, unet.out_channels) == (100, 10)
    features.square().sum().backward()
    for name, parameter in [("features", batch.features), *unet.named_parameters()]:
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("training", [True, False])
def test_hypercolumns_are_what_each_decoder_stage_found_where_a_point_lies(
    backend: SparseBackend, make_batch: MakeBatch, training: bool
) -> None:
    plain, batch = tiny_unet(backend=backend.name).train(training), make_batch()
    unet = SparseUNet(plain.config.model_copy(update={"hypercolumns": True})).train(training)
    unet.load_state_dict(plain.state_dict())
    features = unet(batch)
    assert features.shape == (100, unet.out_channels) == (100, 12 + 10)
    torch.testing.assert_close(features[:, 12:], plain(batch))

    # Statistics have moved once more in training, but normalise nothing there.
    coarse = plain.stage_features(batch)[3]
    where = coarse.cells.scene_and_coordinates()
    found = {(int(scene), *cell.tolist()): row for row, (scene, cell) in enumerate(zip(*where, strict=True))}
    scene_of_row = torch.searchsorted(batch.offsets, torch.arange(100), right=True)
    for row in range(100):
        cell = (int(scene_of_row[row]), *(batch.grid_coord[row] // 2).tolist())
        torch.testing.assert_close(features[row, :12], coarse.features[found[cell]])

    features.square().sum().backward()
    assert all(parameter.grad is not None for parameter in unet.parameters())


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000))
def test_rows_come_back_in_the_order_they_came(make_batch: MakeBatch, seed: int) -> None:
    unet, batch = tiny_unet().eval(), make_batch((50, 30), seed=seed)
    generator = torch.Generator().manual_seed(seed)
    shuffle = torch.cat(
        [torch.randperm(50, generator=generator), 50 + torch.randperm(30, generator=generator)]
    )
    assert torch.equal(unet(rows(batch, shuffle, [50, 80])), unet(batch)[shuffle])


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=st.lists(st.integers(0, 40), min_size=1, max_size=4).filter(any), seed=st.integers(0, 1000))
def test_scenes_of_a_batch_do_not_mix(make_batch: MakeBatch, counts: list[int], seed: int) -> None:
    unet, batch = tiny_unet().eval(), make_batch(tuple(counts), seed=seed)
    together = unet(batch)
    ends = batch.offsets.tolist()
    for start, end in zip([0, *ends], ends, strict=False):
        if end > start:
            alone = unet(rows(batch, torch.arange(start, end), [end - start]))
            torch.testing.assert_close(together[start:end], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shift", [-4096, -4, 4, 60000])
def test_moving_a_scene_by_whole_coarse_cells_changes_nothing(make_batch: MakeBatch, shift: int) -> None:
    unet, batch = tiny_unet().eval(), make_batch()
    moved = PointBatch(grid_coord=batch.grid_coord + shift, features=batch.features, offsets=batch.offsets)
    assert torch.equal(unet(moved), unet(batch))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_tiny_clouds_train(backend: SparseBackend, make_batch: MakeBatch, count: int) -> None:
    unet = tiny_unet(backend=backend.name).train()
    features = unet(make_batch((count,), extent=2))
    assert features.isfinite().all()
    features.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in unet.parameters())


def test_a_single_row_is_normalised_by_the_running_statistics(make_batch: MakeBatch) -> None:
    unet, batch = tiny_unet().train(), make_batch((1,))
    before = {name: buffer.clone() for name, buffer in unet.named_buffers()}
    in_training = unet(batch)
    assert torch.equal(in_training, unet.eval()(batch))
    assert all(torch.equal(buffer, before[name]) for name, buffer in unet.named_buffers())


def test_under_autocast(backend: SparseBackend, make_batch: MakeBatch) -> None:
    unet, batch = tiny_unet(backend=backend.name).train(), make_batch()
    exact = unet(batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = unet(batch)
    assert mixed.isfinite().all()
    assert torch.nn.functional.cosine_similarity(mixed.float().flatten(), exact.flatten(), dim=0) > 0.99
    mixed.float().square().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in unet.parameters())


def test_float64(backend: SparseBackend, make_batch: MakeBatch) -> None:
    unet, batch = tiny_unet(backend=backend.name).eval(), make_batch()
    single = unet(batch)
    double = PointBatch(grid_coord=batch.grid_coord, features=batch.features.double(), offsets=batch.offsets)
    features = unet.double()(double)
    assert features.dtype == torch.float64
    torch.testing.assert_close(features.float(), single, rtol=1e-4, atol=1e-5)


def test_int32_coordinates_and_offsets_do(make_batch: MakeBatch) -> None:
    unet, batch = tiny_unet().eval(), make_batch()
    short = PointBatch(
        grid_coord=batch.grid_coord.int(), features=batch.features, offsets=batch.offsets.to(torch.int32)
    )
    assert torch.equal(unet(short), unet(batch))


def test_the_generator_decides_the_weights() -> None:
    first, again, other = (tiny_unet(seed=seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["stem.convolution.weight"], other["stem.convolution.weight"])


def test_points_that_share_a_cell_are_refused(make_batch: MakeBatch) -> None:
    batch = make_batch((20, 20))
    doubled = PointBatch(
        grid_coord=torch.cat([batch.grid_coord, batch.grid_coord[-3:]]),
        features=torch.cat([batch.features, batch.features[-3:]]),
        offsets=torch.tensor([20, 43]),
    )
    with pytest.raises(ValueError, match=r"3 of 43 points share a cell .* grid-sample the points first"):
        tiny_unet()(doubled)


def test_the_same_cell_in_two_scenes_is_fine() -> None:
    batch = PointBatch(
        grid_coord=torch.zeros(2, 3, dtype=torch.int64),
        features=torch.ones(2, 4),
        offsets=torch.tensor([1, 2]),
    )
    features = tiny_unet().eval()(batch)
    torch.testing.assert_close(features[0], features[1])


def test_an_empty_batch_is_refused() -> None:
    empty = PointBatch(
        grid_coord=torch.zeros(0, 3, dtype=torch.int64),
        features=torch.zeros(0, 4),
        offsets=torch.tensor([0, 0]),
    )
    with pytest.raises(ValueError, match="the batch has no points"):
        tiny_unet()(empty)


@pytest.mark.parametrize("offsets", [[10, 5, 20], [10], [10, 25], [-1, 20]])
def test_offsets_that_do_not_fit_are_refused(make_batch: MakeBatch, offsets: list[int]) -> None:
    batch = make_batch((20,))
    wrong = rows(batch, torch.arange(20), offsets)
    with pytest.raises(ValueError, match="offsets must rise to the number of points, 20"):
        tiny_unet()(wrong)


def test_cells_too_far_out_are_refused(make_batch: MakeBatch) -> None:
    batch = make_batch((20,))
    far = PointBatch(grid_coord=batch.grid_coord + 80_000, features=batch.features, offsets=batch.offsets)
    with pytest.raises(ValueError, match=r"grid_coord spans x 7\d+\.\.8\d+.*subtract each scene's minimum"):
        tiny_unet()(far)


def test_the_wrong_number_of_channels_is_refused(make_batch: MakeBatch) -> None:
    with pytest.raises(ValueError, match="reads 4 channels, but features have 7"):
        tiny_unet()(make_batch(channels=7))


@pytest.mark.parametrize(
    ("grid_coord", "features", "offsets", "message"),
    [
        ((5, 3), (4, 2), (1,), r"one row for each point: grid_coord \(5, 3\), features \(4, 2\)"),
        ((5, 2), (5, 2), (1,), r"grid_coord \(points, 3\) and features \(points, channels\)"),
        ((5, 3), (5,), (1,), r"grid_coord \(points, 3\) and features \(points, channels\)"),
        ((5, 3), (5, 2), (0,), "offsets must hold the cumulative number of points"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    grid_coord: tuple[int, ...], features: tuple[int, ...], offsets: tuple[int, ...], message: str
) -> None:
    # The type checker of these tests would refuse such a batch first; users run without it.
    batch = object.__new__(PointBatch)
    object.__setattr__(batch, "grid_coord", torch.zeros(grid_coord, dtype=torch.int64))
    object.__setattr__(batch, "features", torch.zeros(features))
    object.__setattr__(batch, "offsets", torch.zeros(offsets, dtype=torch.int64))
    with pytest.raises(ValueError, match=message):
        batch.__post_init__()


@pytest.mark.parametrize(
    "sizes",
    [
        {"channels": (8, 8, 8), "layers": (1, 1, 1)},
        {"channels": (8, 8), "layers": (1, 1, 1, 1)},
        {"channels": (), "layers": ()},
        {"channels": (8, 0), "layers": (1, 1)},
        {"channels": (8, 8), "layers": (1, 0)},
        {"in_channels": 0},
        {"width": 3},
    ],
)
def test_impossible_sizes_are_refused(sizes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SparseUNetConfig.model_validate(sizes)


@pytest.mark.parametrize(
    ("config", "millions"),
    [
        (SparseUNetConfig.full(), 39.16),
        (SparseUNetConfig.base(), 6.27),
        (SparseUNetConfig.small(), 2.52),
        (SparseUNetConfig.tiny(), 0.58),
    ],
    ids=["full", "base", "small", "tiny"],
)
def test_named_sizes(config: SparseUNetConfig, millions: float) -> None:
    with torch.device("meta"):
        unet = SparseUNet(config)
    assert sum(p.numel() for p in unet.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)


def test_norm_momentum_reaches_every_norm(make_batch: MakeBatch) -> None:
    unet = SparseUNet(SparseUNetConfig.tiny(in_channels=4).model_copy(update={"norm_momentum": 1.0}))
    unet.train()(make_batch())
    # With momentum 1 the running statistics are the batch's own, so evaluation repeats training (up to
    # the unbiased variance that running statistics hold).
    trained = unet(make_batch())
    evaluated = unet.eval()(make_batch())
    assert torch.nn.functional.cosine_similarity(trained.flatten(), evaluated.flatten(), dim=0) > 0.95
