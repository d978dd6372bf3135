from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from ponder_render import Bounds, FeatureVolume, densify, find_corners, interpolate, to_table
from ponder_render.volume.feature_volume import Reduction
from torch import Tensor

SHAPE = (4, 3, 2)


@pytest.fixture
def bounds() -> Bounds:
    lower = torch.tensor([[-1.0, 0.0, 2.0], [5.0, 5.0, 5.0]])
    return Bounds(lower=lower, upper=lower + torch.tensor([2.0, 3.0, 1.0]))


@pytest.fixture
def cloud(bounds: Bounds) -> tuple[Tensor, Tensor, Tensor]:
    """Features, coordinates and offsets of two clouds, some of whose points lie outside their boxes."""
    generator = torch.Generator().manual_seed(0)
    offsets = torch.tensor([60, 100])
    index = (torch.arange(100) >= 60).long()
    unit = torch.rand(100, 3, generator=generator) * 1.2 - 0.1
    coord = bounds.lower[index] + unit * bounds.size[index]
    return torch.randn(100, 5, generator=generator), coord, offsets


def pool_by_loop(features: Tensor, coord: Tensor, offsets: Tensor, bounds: Bounds, reduce: str) -> Tensor:
    cells: dict[tuple[int, ...], list[Tensor]] = {}
    start = 0
    for volume, stop in enumerate(offsets.tolist()):
        for point in range(start, stop):
            unit = (coord[point] - bounds.lower[volume]) / bounds.size[volume]
            if bool((unit >= 0).all() and (unit <= 1).all()):
                cell = [min(int(u * n), n - 1) for u, n in zip(unit.tolist(), SHAPE, strict=True)]
                cells.setdefault((volume, *cell), []).append(features[point])
        start = stop
    result = torch.zeros(len(bounds), features.shape[1], *SHAPE)
    for (volume, x, y, z), rows in cells.items():
        stack = torch.stack(rows)
        pooled = {"mean": stack.mean(0), "sum": stack.sum(0), "max": stack.amax(0)}[reduce]
        result[volume, :, x, y, z] = pooled
    return result


@pytest.mark.parametrize("reduce", ["mean", "sum", "max"])
def test_pooling_agrees_with_a_loop(
    bounds: Bounds, cloud: tuple[Tensor, Tensor, Tensor], reduce: Reduction
) -> None:
    pooled = densify(*cloud, bounds, SHAPE, reduce)
    torch.testing.assert_close(pooled.features, pool_by_loop(*cloud, bounds, reduce))


def test_counts_add_up_to_the_points(bounds: Bounds, cloud: tuple[Tensor, Tensor, Tensor]) -> None:
    pooled = densify(*cloud, bounds, SHAPE)
    assert int(pooled.outside.min()) > 0
    assert (pooled.count.sum(dim=(1, 2, 3)) + pooled.outside).tolist() == [60, 40]
    empty = pooled.count == 0
    assert bool(empty.any())
    assert not bool(pooled.features.permute(0, 2, 3, 4, 1)[empty].any())


@pytest.mark.parametrize("reduce", ["mean", "sum", "max"])
def test_the_gradient_of_pooling(
    bounds: Bounds, cloud: tuple[Tensor, Tensor, Tensor], reduce: Reduction
) -> None:
    features, coord, offsets = cloud
    features = features[:, :2].double().requires_grad_()

    def pool(values: Tensor) -> Tensor:
        return densify(values, coord, offsets, bounds, SHAPE, reduce).features

    torch.autograd.gradcheck(pool, features)


@pytest.mark.parametrize("reduce", ["mean", "sum", "max"])
def test_half_precision_is_pooled_in_float32(reduce: Reduction) -> None:
    """300 points in one cell: a sum in bfloat16 would stop growing at 256."""
    bounds = Bounds(lower=torch.zeros(1, 3), upper=torch.ones(1, 3))
    features = torch.ones(300, 2, dtype=torch.bfloat16, requires_grad=True)
    pooled = densify(features, torch.full((300, 3), 0.1), torch.tensor([300]), bounds, SHAPE, reduce).features
    assert pooled.dtype == torch.bfloat16
    assert pooled[0, :, 0, 0, 0].tolist() == [300.0 if reduce == "sum" else 1.0] * 2
    pooled.sum().backward()
    assert features.grad is not None
    assert features.grad.dtype == torch.bfloat16


def test_points_on_the_faces_belong_to_the_box() -> None:
    bounds = Bounds(lower=torch.zeros(1, 3), upper=torch.tensor([[1.0, 2.0, 3.0]]))
    coord = torch.tensor([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0001]])
    pooled = densify(torch.ones(3, 1), coord, torch.tensor([3]), bounds, SHAPE)
    assert pooled.count[0, 0, 0, 0] == 1
    assert pooled.count[0, -1, -1, -1] == 1
    assert pooled.outside.tolist() == [1]


def test_points_that_are_nan_are_left_out() -> None:
    bounds = Bounds(lower=torch.zeros(1, 3), upper=torch.ones(1, 3))
    coord = torch.tensor([[0.5, 0.5, torch.nan], [0.5, 0.5, 0.5]])
    pooled = densify(torch.ones(2, 1), coord, torch.tensor([2]), bounds, SHAPE)
    assert pooled.outside.tolist() == [1]
    assert float(pooled.features.sum()) == 1


def test_empty_clouds_give_empty_volumes(bounds: Bounds) -> None:
    pooled = densify(torch.zeros(0, 3), torch.zeros(0, 3), torch.tensor([0, 0]), bounds, SHAPE)
    assert pooled.features.shape == (2, 3, *SHAPE)
    assert not bool(pooled.features.any())


def test_a_point_is_found_again_at_its_cell_and_nowhere_else() -> None:
    """No half-voxel shift between pooling and querying, in an anisotropic box."""
    bounds = Bounds(lower=torch.tensor([[-2.0, 1.0, 0.0]]), upper=torch.tensor([[2.0, 2.5, 3.0]]))
    cell_size = bounds.size[0] / torch.tensor(SHAPE)
    index = torch.cartesian_prod(*(torch.arange(n) for n in SHAPE))
    centres = bounds.lower[0] + (index + 0.5) * cell_size
    volume_index = torch.zeros(len(centres), dtype=torch.long)
    for planted in range(len(centres)):
        point = centres[planted : planted + 1] + 0.3 * cell_size
        pooled = densify(torch.ones(1, 1), point, torch.tensor([1]), bounds, SHAPE)
        volume = FeatureVolume(
            table=to_table(pooled.features), shape=SHAPE, bounds=bounds, count=pooled.count
        )
        found = interpolate(volume.table, find_corners(centres, volume_index, volume))[:, 0]
        expected = torch.zeros(len(centres))
        expected[planted] = 1
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_the_table_is_the_volume_seen_by_rows(make_volume: Callable[..., FeatureVolume]) -> None:
    volume = make_volume()
    first = volume.channels_first
    assert first.shape == (2, 4, 5, 4, 3)
    assert torch.equal(to_table(first), volume.table)
    assert to_table(first).data_ptr() == volume.table.data_ptr()
    assert torch.equal(first[1, :, 3, 2, 1], volume.table[((5 + 3) * 4 + 2) * 3 + 1])


def test_a_table_out_of_order_is_an_error(make_volume: Callable[..., FeatureVolume]) -> None:
    volume = make_volume()
    transposed = volume.table.t().contiguous().t()
    with pytest.raises(ValueError, match=r"strides are \(1, 120\)"):
        replace(volume, table=transposed)
    with pytest.raises(ValueError, match="has 100 rows but 2 volumes of 5 x 4 x 3 cells"):
        replace(volume, table=volume.table[:100])
    assert to_table(torch.rand(1, 4, 2, 3, 5)).is_contiguous()


def test_wrong_packing_is_an_error_with_its_numbers(bounds: Bounds) -> None:
    with pytest.raises(ValueError, match="offsets end at 4 but there are 3 points"):
        densify(torch.ones(3, 1), torch.zeros(3, 3), torch.tensor([2, 4]), bounds, SHAPE)
    with pytest.raises(ValueError, match="offsets name 1 clouds but there are 2 boxes"):
        densify(torch.ones(3, 1), torch.zeros(3, 3), torch.tensor([3]), bounds, SHAPE)
    with pytest.raises(ValueError, match="without cells"):
        densify(torch.ones(3, 1), torch.zeros(3, 3), torch.tensor([1, 3]), bounds, (4, 0, 2))
