"""Strided convolutions of any kernel, their inverse and max-pooling: against PyTorch's dense ones in float64."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ponder_encoders import PointBatch
from ponder_encoders.sparse import torch_columns
from ponder_encoders.sparse.backend import SparseBackend
from ponder_encoders.sparse.backend_torch import StridedFunction, TorchBackend
from ponder_encoders.sparse.convolution import InverseConv3d, StridedConv3d
from ponder_encoders.sparse.keys import LARGEST_COORDINATE, pack_keys, unpack_keys
from ponder_encoders.sparse.pooling import SparseMaxPool3d, max_pool
from ponder_encoders.sparse.strided_rulebook import HALVING, PairTable, StridedGeometry
from ponder_encoders.sparse.tensor import OccupiedCells, SparseTensor, order_cells
from torch import Tensor

MakeCells = Callable[..., OccupiedCells]
Triple = tuple[int, int, int]
SCENES = 3


@st.composite
def geometries(draw: st.DrawFn) -> StridedGeometry:
    kernel = draw(st.tuples(*[st.sampled_from([1, 2, 3, 5])] * 3))
    return StridedGeometry(
        kernel=kernel,
        stride=draw(st.tuples(*[st.integers(1, 3)] * 3)),
        padding=draw(st.tuples(*[st.integers(0, min(2, size - 1)) for size in kernel])),
    )


@dataclass
class Case:
    """Cells, and where they and the outputs lie in the dense grid that stands for theirs."""

    cells: OccupiedCells
    geometry: StridedGeometry
    extent: Triple
    shift: Tensor
    output_shift: Tensor

    def grid(self, features: Tensor, keys: Tensor, extent: Triple, shift: Tensor, empty: float = 0) -> Tensor:
        scene, coordinates = unpack_keys(keys)
        grid = features.new_full((SCENES, *extent, features.shape[1]), empty)
        return grid.index_put((scene, *(coordinates + shift).unbind(1)), features).permute(0, 4, 1, 2, 3)

    def rows(self, grid: Tensor, keys: Tensor, shift: Tensor) -> Tensor:
        scene, coordinates = unpack_keys(keys)
        return grid.permute(0, 2, 3, 4, 1)[(scene, *(coordinates + shift).unbind(1))]

    @property
    def inputs(self) -> tuple[Tensor, Triple, Tensor]:
        return self.cells.keys, self.extent, self.shift

    @property
    def outputs(self) -> tuple[Tensor, Triple, Tensor]:
        cells = self.cells.strided(self.geometry)[0]
        return cells.keys, self.geometry.output_shape(self.extent), self.output_shift

    def kernel(self, weight: Tensor) -> Tensor:
        return weight.view(*self.geometry.kernel, *weight.shape[1:])

    @property
    def steps(self) -> tuple[Triple, Triple]:
        return self.geometry.stride, self.geometry.padding

    def convolve(self, features: Tensor, weight: Tensor) -> Tensor:
        dense = F.conv3d(
            self.grid(features, *self.inputs), self.kernel(weight).permute(4, 3, 0, 1, 2), None, *self.steps
        )
        return self.rows(dense, self.outputs[0], self.output_shift)

    def invert(self, features: Tensor, weight: Tensor) -> Tensor:
        # One more layer, for what is left over where the stride does not divide the grid.
        grid = F.pad(self.grid(features, *self.outputs), (0, 1, 0, 1, 0, 1))
        dense = F.conv_transpose3d(grid, self.kernel(weight).permute(3, 4, 0, 1, 2), None, *self.steps)
        return self.rows(dense, self.cells.keys, self.shift)

    def pool(self, features: Tensor) -> Tensor:
        grid = self.grid(features, *self.inputs, empty=-math.inf)
        before = [pad for pad in reversed(self.geometry.padding) for _ in range(2)]
        dense = F.max_pool3d(F.pad(grid, before, value=-math.inf), self.geometry.kernel, self.geometry.stride)
        return self.rows(dense, self.outputs[0], self.output_shift)


def make_case(geometry: StridedGeometry, bounded: bool, seed: int, fill: float) -> Case:
    """Cells of a grid that the kernel fits into; scene 1 of three has none."""
    generator = torch.Generator().manual_seed(seed)
    shape = tuple(max(size, int(torch.randint(1, 8, (), generator=generator))) for size in geometry.kernel)
    occupied = torch.rand(SCENES, *shape, generator=generator) < fill
    occupied[0, 0, 0, 0] = occupied[2, -1, -1, -1] = True
    occupied[1] = False
    found = occupied.nonzero()
    if bounded:
        keys = pack_keys(found[:, 0], found[:, 1:])
        return Case(
            OccupiedCells(keys, (shape[0], shape[1], shape[2])),
            geometry,
            (shape[0], shape[1], shape[2]),
            torch.zeros(3, dtype=torch.int64),
            torch.zeros(3, dtype=torch.int64),
        )
    # Anywhere, also below zero; the dense grid is moved by whole strides and has room for every output.
    stride, moved = torch.tensor(geometry.stride), 8
    keys = pack_keys(found[:, 0], found[:, 1:] - 3)
    x, y, z = ((moved * s + n + 8) for s, n in zip(geometry.stride, shape, strict=True))
    return Case(OccupiedCells(keys), geometry, (x, y, z), stride * moved, torch.full((3,), moved))


def relative_error(value: Tensor | None, reference: Tensor | None) -> float:
    assert value is not None
    assert reference is not None
    value, reference = value.detach().double(), reference.detach().double()
    if value.numel() == 0:
        assert value.shape == reference.shape
        return 0.0
    return float((value - reference).abs().max() / reference.abs().max().clamp_min(1e-12))


cases = st.builds(
    make_case, geometries(), bounded=st.booleans(), seed=st.integers(0, 1000), fill=st.floats(0.02, 0.9)
)
every_backend = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)


@every_backend
@given(
    case=cases,
    inverse=st.booleans(),
    inputs=st.sampled_from([1, 3, 9, 16]),
    outputs=st.sampled_from([1, 5, 16]),
)
def test_outputs_and_gradients_are_those_of_the_dense_convolution(
    backend: SparseBackend, case: Case, inverse: bool, inputs: int, outputs: int
) -> None:
    reached, rulebook = case.cells.strided(case.geometry)
    rows = len(reached) if inverse else len(case.cells)
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(rows, inputs, generator=generator)
    weight = torch.randn(case.geometry.volume, inputs, outputs, generator=generator)
    mine = [t.clone().requires_grad_() for t in (features, weight)]
    dense = [t.double().requires_grad_() for t in (features, weight)]

    result = backend.strided(mine[0], mine[1], rulebook.inverse() if inverse else rulebook)
    expected = (case.invert if inverse else case.convolve)(*dense)
    gradient = torch.randn(result.shape, generator=generator)
    result.backward(gradient)
    expected.backward(gradient.double())

    assert relative_error(result, expected) < 1e-5
    assert relative_error(mine[0].grad, dense[0].grad) < 1e-5
    assert relative_error(mine[1].grad, dense[1].grad) < 1e-5


@settings(max_examples=30, deadline=None, derandomize=True)
@given(case=cases)
def test_outputs_are_exactly_the_cells_that_are_reached(case: Case) -> None:
    # In float64: oneDNN's float32 kernels with AVX-512 miscount where the stride exceeds the kernel (torch 2.11).
    ones = torch.ones(case.geometry.volume, 1, 1, dtype=torch.float64)
    occupied = case.grid(torch.ones(len(case.cells), 1, dtype=torch.float64), *case.inputs)
    counts = F.conv3d(occupied, case.kernel(ones).permute(4, 3, 0, 1, 2), None, *case.steps)
    found = (counts[:, 0] > 0.5).nonzero()
    keys = pack_keys(found[:, 0], found[:, 1:] - case.output_shift)
    cells, rulebook = case.cells.strided(case.geometry)
    assert torch.equal(cells.keys, keys)
    assert sum(len(inputs) for inputs, _ in rulebook.there.pairs) == round(float(counts.sum()))
    assert cells.shape == (None if case.cells.shape is None else case.geometry.output_shape(case.extent))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(case=cases)
def test_max_pooling_is_dense_pooling_of_what_is_there(case: Case) -> None:
    features = torch.randn(
        len(case.cells), 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64
    )
    mine, dense = features.clone().requires_grad_(), features.clone().requires_grad_()
    result = max_pool(mine, case.cells.strided(case.geometry)[1].there)
    expected = case.pool(dense)
    assert torch.equal(result, expected)
    gradient = torch.randn(result.shape, dtype=torch.float64)
    result.backward(gradient)
    expected.backward(gradient)
    assert relative_error(mine.grad, dense.grad) < 1e-12


def tied(values: list[float]) -> tuple[Tensor, OccupiedCells]:
    cells = OccupiedCells(
        torch.arange(len(values)) + int(pack_keys(torch.tensor([0]), torch.tensor([[0, 0, 0]])))
    )
    return torch.tensor(values).unsqueeze(1).requires_grad_(), cells


def test_among_equals_the_first_receives_the_gradient_and_nan_wins() -> None:
    features, cells = tied([1.0, 1.0, 0.5, math.nan])
    pool = SparseMaxPool3d()
    pooled = pool(SparseTensor(features=features, cells=cells, backend=TorchBackend()))
    assert pooled.features[0] == 1
    assert pooled.features[1].isnan()
    pooled.features.sum().backward()
    assert features.grad is not None
    assert features.grad.squeeze(1).tolist() == [1, 0, 0, 1]


def convolve_by_pairs(table: PairTable, features: Tensor, weight: Tensor) -> Tensor:
    return StridedFunction.apply(features, weight, table)


def test_gradients_in_float64(make_cells: MakeCells, monkeypatch: pytest.MonkeyPatch) -> None:
    # Chunks of three rows, so that several chunks and a shorter last one take part.
    monkeypatch.setattr(torch_columns, "_CHUNK_BYTES_CPU", 1)
    monkeypatch.setattr(torch_columns, "_FEWEST_ROWS", 3)
    cells = make_cells(5, scenes=1, extent=3, fill=0.4)
    geometry = StridedGeometry(kernel=(3, 2, 1), stride=(2, 1, 1), padding=(1, 0, 0))
    reached, rulebook = cells.strided(geometry)
    weight = torch.randn(6, 2, 3, dtype=torch.float64, requires_grad=True)
    for book, rows in ((rulebook, len(cells)), (rulebook.inverse(), len(reached))):
        features = torch.randn(rows, 2, dtype=torch.float64, requires_grad=True)
        convolve = partial(convolve_by_pairs, book.there)
        assert torch.autograd.gradcheck(convolve, (features, weight))


@pytest.mark.parametrize(("features_need", "weight_needs"), [(True, False), (False, True)])
def test_a_gradient_not_asked_for_changes_nothing(
    backend: SparseBackend, make_cells: MakeCells, features_need: bool, weight_needs: bool
) -> None:
    cells = make_cells(3)
    book = cells.strided(StridedGeometry(kernel=(3, 3, 3), stride=(2, 2, 2), padding=(1, 1, 1)))[1]
    features, weight = torch.randn(len(cells), 12), torch.randn(27, 12, 10)
    both = [t.clone().requires_grad_() for t in (features, weight)]
    backend.strided(both[0], both[1], book).square().sum().backward()
    one = [features.requires_grad_(features_need), weight.requires_grad_(weight_needs)]
    backend.strided(one[0], one[1], book).square().sum().backward()
    for asked, mine, reference in zip((features_need, weight_needs), one, both, strict=True):
        assert (mine.grad is not None) == asked
        if asked:
            torch.testing.assert_close(mine.grad, reference.grad)


@pytest.mark.usefixtures("two_threads")
def test_many_cells_under_autocast_and_the_same_again(backend: SparseBackend, make_cells: MakeCells) -> None:
    cells = make_cells(2, extent=13)
    book = cells.strided(StridedGeometry(kernel=(3, 3, 3), stride=(2, 2, 1), padding=(1, 1, 1)))[1]
    outcomes = []
    for dtype in (torch.float64, torch.float32, torch.float32, torch.bfloat16):
        generator = torch.Generator().manual_seed(0)
        features, weight = (
            torch.randn(*size, generator=generator).to(
                torch.float64 if dtype == torch.float64 else torch.float32
            )
            for size in ((len(cells), 40), (27, 40, 48))
        )
        features.requires_grad_()
        weight.requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
            result = backend.strided(features, weight, book)
        result.backward(torch.ones_like(result))
        outcomes.append((result, features.grad, weight.grad))
    exact, first, again, mixed = outcomes
    for k in range(3):
        assert relative_error(first[k], exact[k]) < 1e-5
        assert torch.equal(first[k], again[k])
        assert relative_error(mixed[k], exact[k]) < 0.02


def test_layers_share_one_rulebook_and_come_back(backend: SparseBackend, make_cells: MakeCells) -> None:
    cells = make_cells(11)
    sizes: dict[str, Any] = {"kernel_size": 3, "stride": (2, 2, 1), "padding": 1}
    tensor = SparseTensor(features=torch.randn(len(cells), 3), cells=cells, backend=backend)
    coarse = StridedConv3d(3, 12, **sizes, bias=True)(tensor)
    assert coarse.cells is StridedConv3d(3, 4, **sizes)(tensor).cells
    assert coarse.cells is SparseMaxPool3d(**sizes)(tensor).cells
    layer = InverseConv3d(12, 2, **sizes, bias=True)
    fine = layer(coarse, cells)
    assert fine.cells is cells
    assert layer.bias is not None
    layer.bias.data += torch.arange(2.0)
    torch.testing.assert_close(layer(coarse, cells).features, fine.features + torch.arange(2.0))
    with pytest.raises(ValueError, match="pass the cells that the strided convolution started from"):
        InverseConv3d(12, 2, kernel_size=3, stride=2, padding=1)(coarse, cells)


def test_pooled_halves_are_the_cells_of_the_halving_convolution(make_cells: MakeCells) -> None:
    cells = make_cells(12)
    tensor = SparseTensor(features=torch.randn(len(cells), 3), cells=cells, backend=TorchBackend())
    pooled = SparseMaxPool3d()(tensor)
    assert pooled.cells is StridedConv3d(3, 4)(tensor).cells
    InverseConv3d(3, 4)(pooled, cells)


def test_halving_by_table_and_by_rulebook_agree(make_cells: MakeCells) -> None:
    cells, layer = make_cells(13), StridedConv3d(3, 4)
    features = torch.randn(len(cells), 3)
    tensor = SparseTensor(features=features, cells=cells, backend=TorchBackend())
    by_rulebook = TorchBackend().strided(features, layer.weight, cells.strided(HALVING)[1])
    torch.testing.assert_close(layer(tensor).features, by_rulebook)


def test_a_bounded_grid_drops_its_half_cell_as_the_dense_convolution_does() -> None:
    batch = PointBatch(
        grid_coord=torch.tensor([[0, 0, 0], [4, 4, 4]]),
        features=torch.ones(2, 1),
        offsets=torch.tensor([2]),
    )
    for shape, expected in (((5, 5, 5), 1), ((6, 6, 6), 2), (None, 2)):
        cells = order_cells(batch, shape).cells
        tensor = SparseTensor(features=batch.features, cells=cells, backend=TorchBackend())
        assert len(StridedConv3d(1, 1)(tensor).cells) == expected


def test_no_output_may_be_reached(backend: SparseBackend) -> None:
    cells = OccupiedCells(pack_keys(torch.tensor([0]), torch.tensor([[1, 1, 1]])), (4, 4, 4))
    features = torch.randn(1, 12, requires_grad=True)
    tensor = SparseTensor(features=features, cells=cells, backend=backend)
    coarse = StridedConv3d(12, 12, kernel_size=1)(tensor)
    assert coarse.features.shape == (0, 12)
    fine = InverseConv3d(12, 10, kernel_size=1)(coarse, cells)
    assert torch.equal(fine.features, torch.zeros(1, 10))
    fine.features.sum().backward()
    assert features.grad is not None
    assert torch.equal(features.grad, torch.zeros(1, 12))
    assert SparseMaxPool3d(kernel_size=1)(tensor).features.shape == (0, 12)


def test_what_cannot_be_is_refused(make_cells: MakeCells) -> None:
    with pytest.raises(ValueError, match=r"kernel sizes of 1 to 9 .* not kernel \(10, 10, 10\)"):
        StridedConv3d(1, 1, kernel_size=10)
    with pytest.raises(
        ValueError, match=r"strides of at least 1, not kernel \(3, 3, 3\) with stride \(1, 0, 1\)"
    ):
        SparseMaxPool3d(kernel_size=3, stride=(1, 0, 1))
    with pytest.raises(ValueError, match=r"smaller than the kernel \(3, 3, 1\), not \(1, 1, 1\)"):
        InverseConv3d(1, 1, kernel_size=(3, 3, 1), padding=1)
    geometry = StridedGeometry(kernel=(3, 3, 3), stride=(1, 1, 1), padding=(2, 2, 2))
    with pytest.raises(ValueError, match=r"\(3, 3, 3\) .* does not fit into a grid of \(4, 2, 4\) cells"):
        OccupiedCells(torch.tensor([0]), (4, 2, 4)).strided(
            StridedGeometry(kernel=(3, 3, 3), stride=(2, 2, 2), padding=(0, 0, 0))
        )
    edge = OccupiedCells(pack_keys(torch.tensor([0]), torch.full((1, 3), LARGEST_COORDINATE)))
    with pytest.raises(ValueError, match="the outputs of a strided convolution span x"):
        edge.strided(geometry)
    batch = PointBatch(
        grid_coord=torch.tensor([[0, 0, 0], [0, 0, 3], [-1, 0, 0]]),
        features=torch.ones(3, 1),
        offsets=torch.tensor([3]),
    )
    with pytest.raises(ValueError, match=r"2 of 3 cells lie outside the grid of \(3, 3, 3\) cells"):
        order_cells(batch, (3, 3, 3))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ["torch", "spconv"])
def test_cuda_gives_the_numbers_of_the_cpu(make_cells: MakeCells, name: str) -> None:
    from ponder_encoders import available_backends
    from ponder_encoders.sparse.backend import choose_backend

    status = {status.name: status for status in available_backends()}[name]
    if not status.available:
        pytest.skip(status.reason)
    cells = make_cells(14, extent=12)
    geometry = StridedGeometry(kernel=(3, 3, 3), stride=(2, 2, 2), padding=(1, 1, 1))
    features, weight = torch.randn(len(cells), 32), torch.randn(27, 32, 32)
    outcomes = []
    for device, chosen in ((torch.device("cpu"), "torch"), (torch.device("cuda"), name)):
        book = OccupiedCells(cells.keys.to(device)).strided(geometry)[1]
        given_ = [t.detach().to(device, copy=True).requires_grad_() for t in (features, weight)]
        result = choose_backend(chosen, device).strided(given_[0], given_[1], book)
        pooled = max_pool(given_[0], book.there)
        (result.square().sum() + pooled.square().sum()).backward()
        outcomes.append([result, pooled, *(t.grad for t in given_)])
    for reference, value in zip(*outcomes, strict=True):
        # TF32 products, where a backend uses them, keep ten bits.
        assert relative_error(value.cpu(), reference.double()) < 2e-3
