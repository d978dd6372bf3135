"""Sparse convolutions, each backend: against dense convolutions in float64, outputs and gradients."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ponder_encoders.sparse import torch_columns
from ponder_encoders.sparse.backend import SparseBackend
from ponder_encoders.sparse.backend_torch import (
    ColumnsFunction,
    DownFunction,
    PairsFunction,
    TorchBackend,
    UpFunction,
)
from ponder_encoders.sparse.convolution import InverseConv3d, StridedConv3d, SubmanifoldConv3d
from ponder_encoders.sparse.tensor import OccupiedCells, SparseTensor
from torch import Tensor

MakeCells = Callable[..., OccupiedCells]
every_backend = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
kinds = st.sampled_from(["submanifold 3", "submanifold 5", "down", "up"])


def convolve(
    backend: SparseBackend, kind: str, cells: OccupiedCells, features: Tensor, weight: Tensor
) -> Tensor:
    if kind == "down":
        return backend.down(features, weight, cells.children())
    if kind == "up":
        return backend.up(features, weight, cells.children())
    return backend.submanifold(features, weight, cells.neighbours(int(kind[-1]), backend))


def convolve_densely(reference: Any, kind: str, features: Tensor, weight: Tensor) -> Tensor:
    return getattr(reference, kind.split()[0])(features, weight)


def kernel_volume(kind: str) -> int:
    return {"submanifold 3": 27, "submanifold 5": 125}.get(kind, 8)


def relative_error(value: Tensor | None, reference: Tensor | None) -> float:
    assert value is not None
    assert reference is not None
    value, reference = value.detach().double(), reference.detach().double()
    return float((value - reference).abs().max() / reference.abs().max().clamp_min(1e-12))


@every_backend
@given(
    kind=kinds,
    inputs=st.sampled_from([1, 3, 9, 16]),
    outputs=st.sampled_from([1, 5, 16]),
    scenes=st.integers(1, 3),
    extent=st.integers(1, 7),
    fill=st.floats(0.05, 1.0),
    seed=st.integers(0, 1000),
)
def test_outputs_and_gradients_are_those_of_the_dense_convolution(
    backend: SparseBackend,
    make_cells: MakeCells,
    dense_reference: Any,
    kind: str,
    inputs: int,
    outputs: int,
    scenes: int,
    extent: int,
    fill: float,
    seed: int,
) -> None:
    cells = make_cells(seed, scenes=scenes, extent=extent, fill=fill)
    generator = torch.Generator().manual_seed(seed)
    rows = len(cells.coarser()) if kind == "up" else len(cells)
    features = torch.randn(rows, inputs, generator=generator)
    weight = torch.randn(kernel_volume(kind), inputs, outputs, generator=generator)
    given_ = [t.clone().requires_grad_() for t in (features, weight)]
    dense = [t.double().requires_grad_() for t in (features, weight)]

    result = convolve(backend, kind, cells, *given_)
    expected = convolve_densely(dense_reference(cells), kind, *dense)
    gradient = torch.randn(result.shape, generator=generator)
    result.backward(gradient)
    expected.backward(gradient.double())

    assert relative_error(result, expected) < 1e-5
    assert relative_error(given_[0].grad, dense[0].grad) < 1e-5
    assert relative_error(given_[1].grad, dense[1].grad) < 1e-5


@pytest.mark.usefixtures("two_threads")
def test_wide_layers_of_many_cells(
    backend: SparseBackend, make_cells: MakeCells, dense_reference: Any
) -> None:
    # Enough channels for the pairs of the torch backend, enough cells for several blocks of the numba backend.
    cells = make_cells(1, scenes=2, extent=13, fill=0.4)
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(len(cells), 48, generator=generator)
    weight = torch.randn(27, 48, 40, generator=generator)
    mine, dense = [], []
    for store, dtype in ((mine, torch.float32), (dense, torch.float64)):
        store += [t.clone().to(dtype).requires_grad_() for t in (features, weight)]
    result = backend.submanifold(mine[0], mine[1], cells.neighbours(3, backend))
    expected = dense_reference(cells).submanifold(*dense)
    result.square().sum().backward()
    expected.square().sum().backward()
    for value, reference in (
        (result, expected),
        *((m.grad, d.grad) for m, d in zip(mine, dense, strict=True)),
    ):
        assert relative_error(value, reference) < 1e-5


@pytest.mark.parametrize(("features_need", "weight_needs"), [(True, False), (False, True)])
def test_a_gradient_not_asked_for_changes_nothing(
    backend: SparseBackend, make_cells: MakeCells, features_need: bool, weight_needs: bool
) -> None:
    cells = make_cells(3)
    features, weight = torch.randn(len(cells), 12), torch.randn(27, 12, 10)
    both = [t.clone().requires_grad_() for t in (features, weight)]
    backend.submanifold(both[0], both[1], cells.neighbours(3, backend)).square().sum().backward()
    one = [features.requires_grad_(features_need), weight.requires_grad_(weight_needs)]
    backend.submanifold(one[0], one[1], cells.neighbours(3, backend)).square().sum().backward()
    for asked, mine, reference in zip((features_need, weight_needs), one, both, strict=True):
        assert (mine.grad is not None) == asked
        if asked:
            torch.testing.assert_close(mine.grad, reference.grad)


@pytest.mark.parametrize("function", [ColumnsFunction, PairsFunction, DownFunction, UpFunction])
def test_gradients_in_float64(
    function: type[torch.autograd.Function], make_cells: MakeCells, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Chunks of three rows, so that several chunks and a shorter last one take part.
    monkeypatch.setattr(torch_columns, "_CHUNK_BYTES_CPU", 1)
    monkeypatch.setattr(torch_columns, "_FEWEST_ROWS", 3)
    cells = make_cells(5, scenes=1, extent=3, fill=0.25)
    submanifold = function in (ColumnsFunction, PairsFunction)
    rulebook = cells.neighbours(3, TorchBackend()) if submanifold else cells.children()
    rows = len(cells.coarser()) if function is UpFunction else len(cells)
    features = torch.randn(rows, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(27 if submanifold else 8, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda f, w: function.apply(f, w, rulebook), (features, weight))


def test_columns_and_pairs_agree(make_cells: MakeCells) -> None:
    cells, backend = make_cells(6, extent=8), TorchBackend()
    features, weight = torch.randn(len(cells), 7).double(), torch.randn(125, 7, 5).double()
    by_columns = ColumnsFunction.apply(features, weight, cells.neighbours(5, backend))
    by_pairs = PairsFunction.apply(features, weight, cells.neighbours(5, backend))
    torch.testing.assert_close(by_columns, by_pairs)


@pytest.mark.parametrize("kind", ["submanifold 3", "down", "up"])
@pytest.mark.parametrize("channels", [12, 48])
def test_under_autocast(backend: SparseBackend, make_cells: MakeCells, kind: str, channels: int) -> None:
    cells = make_cells(7)
    rows = len(cells.coarser()) if kind == "up" else len(cells)
    features, weight = torch.randn(rows, channels), torch.randn(kernel_volume(kind), channels, channels)
    exact = [t.clone().requires_grad_() for t in (features, weight)]
    mixed = [t.clone().requires_grad_() for t in (features, weight)]
    expected = convolve(backend, kind, cells, *exact)
    gradient = torch.randn_like(expected)
    expected.backward(gradient)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        result = convolve(backend, kind, cells, *mixed)
    assert result.dtype in (torch.bfloat16, torch.float32)
    result.backward(gradient.to(result.dtype))
    assert relative_error(result, expected) < 0.02
    for value, reference in zip(mixed, exact, strict=True):
        assert value.grad is not None
        assert value.grad.dtype == torch.float32
        assert relative_error(value.grad, reference.grad) < 0.02


def test_float64_stays_float64(backend: SparseBackend, make_cells: MakeCells, dense_reference: Any) -> None:
    cells = make_cells(8)
    features, weight = torch.randn(len(cells), 16).double(), torch.randn(27, 16, 16).double()
    result = backend.submanifold(features, weight, cells.neighbours(3, backend))
    assert relative_error(result, dense_reference(cells).submanifold(features, weight)) < 1e-13


@pytest.mark.usefixtures("two_threads")
def test_the_same_again_to_the_last_bit(backend: SparseBackend, make_cells: MakeCells) -> None:
    cells = make_cells(9, extent=12)
    outcomes = []
    for _ in range(2):
        generator = torch.Generator().manual_seed(0)
        features = torch.randn(len(cells), 40, generator=generator, requires_grad=True)
        weight = torch.randn(27, 40, 40, generator=generator, requires_grad=True)
        result = backend.submanifold(features, weight, cells.neighbours(3, backend))
        result.square().sum().backward()
        outcomes.append((result, features.grad, weight.grad))
    assert all(torch.equal(first, second) for first, second in zip(*outcomes, strict=True))


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_layers_add_their_bias(make_cells: MakeCells, kernel_size: int) -> None:
    cells = make_cells(10)
    tensor = SparseTensor(features=torch.randn(len(cells), 3), cells=cells, backend=TorchBackend())
    layer = SubmanifoldConv3d(3, 5, kernel_size=kernel_size, bias=True)
    without = layer(tensor).features
    assert layer.bias is not None
    layer.bias.data += torch.arange(5.0)
    torch.testing.assert_close(layer(tensor).features, without + torch.arange(5.0))


def test_down_and_up_meet_at_the_same_cells(make_cells: MakeCells) -> None:
    cells = make_cells(11)
    tensor = SparseTensor(features=torch.randn(len(cells), 3), cells=cells, backend=TorchBackend())
    coarse = StridedConv3d(3, 4)(tensor)
    assert coarse.cells is cells.coarser()
    fine = InverseConv3d(4, 2)(coarse, cells)
    assert fine.cells is cells
    assert fine.features.shape == (len(cells), 2)


def test_the_inverse_refuses_cells_it_did_not_come_from(make_cells: MakeCells) -> None:
    cells, others = make_cells(12), make_cells(13)
    tensor = SparseTensor(features=torch.randn(len(cells), 3), cells=cells, backend=TorchBackend())
    with pytest.raises(ValueError, match="pass the cells that the strided convolution started from"):
        InverseConv3d(3, 2)(StridedConv3d(3, 3)(tensor), others)


def test_kernels_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="odd kernel size up to 17, not 4"):
        SubmanifoldConv3d(3, 3, kernel_size=4)
    with pytest.raises(ValueError, match="at least one channel in and out, not 0 and 3"):
        SubmanifoldConv3d(0, 3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ["torch", "spconv"])
@pytest.mark.parametrize("channels", [12, 48])
def test_cuda_gives_the_numbers_of_the_cpu(make_cells: MakeCells, name: str, channels: int) -> None:
    from ponder_encoders import available_backends
    from ponder_encoders.sparse.backend import choose_backend

    status = {status.name: status for status in available_backends()}[name]
    if not status.available:
        pytest.skip(status.reason)
    cells = make_cells(14, extent=12)
    features, weight = torch.randn(len(cells), channels), torch.randn(27, channels, channels)
    outcomes = []
    for device, chosen in ((torch.device("cpu"), "torch"), (torch.device("cuda"), name)):
        placed = OccupiedCells(cells.keys.to(device))
        given_ = [t.detach().to(device, copy=True).requires_grad_() for t in (features, weight)]
        table = placed.neighbours(3, TorchBackend())
        result = choose_backend(chosen, device).submanifold(given_[0], given_[1], table)
        result.square().sum().backward()
        outcomes.append([result, *(t.grad for t in given_)])
    for reference, value in zip(*outcomes, strict=True):
        # TF32 products, where a backend uses them, keep ten bits.
        assert relative_error(value.cpu(), reference.double()) < 2e-3
