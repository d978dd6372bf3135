"""What the tests of the sparse encoders share: backends, random cells, and a dense reference."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from ponder_encoders import PointBatch, available_backends
from ponder_encoders.sparse.backend import SparseBackend, choose_backend
from ponder_encoders.sparse.keys import unpack_keys
from ponder_encoders.sparse.tensor import OccupiedCells, order_cells
from torch import Tensor

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """One thread unless a test asks for two: small work on many threads mostly waits on busy machines."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def two_threads(one_thread: None) -> None:
    """Two threads for this test."""
    torch.set_num_threads(2)


@pytest.fixture(params=["torch", "numba", "spconv"])
def backend(request: pytest.FixtureRequest) -> SparseBackend:
    """Every backend in turn, on CPU; skipped with the reason where it is not installed."""
    status = {status.name: status for status in available_backends()}[request.param]
    if not status.available:
        pytest.skip(status.reason)
    return choose_backend(request.param, CPU)


def random_cells(seed: int, scenes: int = 2, extent: int = 6, fill: float = 0.3) -> OccupiedCells:
    """Cells of several scenes, negative coordinates among them, in the order of their keys."""
    generator = torch.Generator().manual_seed(seed)
    occupied = torch.rand(scenes, extent, extent, extent, generator=generator) < fill
    occupied[:, 0, 0, 0] = True
    found = occupied.nonzero()
    counts = torch.bincount(found[:, 0], minlength=scenes)
    batch = PointBatch(
        grid_coord=found[:, 1:] - extent // 2,
        features=torch.zeros(len(found), 1),
        offsets=counts.cumsum(0),
    )
    return order_cells(batch).cells


class DenseReference:
    """The three sparse convolutions by PyTorch's dense ones, in float64, on a grid that holds all cells."""

    def __init__(self, cells: OccupiedCells) -> None:
        self.scene, coordinates = unpack_keys(cells.keys)
        # The dense grid starts at a multiple of 2, so that its strided cells are ours.
        origin = coordinates.amin(dim=0) // 2 * 2
        self.fine = coordinates - origin
        self.extent = ((self.fine.amax(dim=0) + 2) // 2 * 2).tolist()
        self.coarse_scene, coarse = unpack_keys(cells.coarser().keys)
        self.coarse = coarse - origin // 2

    def _grid(self, features: Tensor, scene: Tensor, cells: Tensor, extent: list[int]) -> Tensor:
        grid = features.new_zeros(int(self.scene.max()) + 1, *extent, features.shape[1])
        grid = grid.index_put((scene, *cells.unbind(1)), features)
        return grid.permute(0, 4, 1, 2, 3)

    @staticmethod
    def _kernel(weight: Tensor) -> Tensor:
        size = round(weight.shape[0] ** (1 / 3))
        return weight.view(size, size, size, *weight.shape[1:])

    def submanifold(self, features: Tensor, weight: Tensor) -> Tensor:
        grid = self._grid(features, self.scene, self.fine, self.extent)
        kernel = self._kernel(weight).permute(4, 3, 0, 1, 2)
        result = F.conv3d(grid, kernel, padding=kernel.shape[-1] // 2).permute(0, 2, 3, 4, 1)
        return result[(self.scene, *self.fine.unbind(1))]

    def down(self, features: Tensor, weight: Tensor) -> Tensor:
        grid = self._grid(features, self.scene, self.fine, self.extent)
        kernel = self._kernel(weight).permute(4, 3, 0, 1, 2)
        result = F.conv3d(grid, kernel, stride=2).permute(0, 2, 3, 4, 1)
        return result[(self.coarse_scene, *self.coarse.unbind(1))]

    def up(self, features: Tensor, weight: Tensor) -> Tensor:
        extent = [length // 2 for length in self.extent]
        grid = self._grid(features, self.coarse_scene, self.coarse, extent)
        kernel = self._kernel(weight).permute(3, 4, 0, 1, 2)
        result = F.conv_transpose3d(grid, kernel, stride=2).permute(0, 2, 3, 4, 1)
        return result[(self.scene, *self.fine.unbind(1))]


@pytest.fixture
def make_cells() -> Callable[..., OccupiedCells]:
    return random_cells


@pytest.fixture
def dense_reference() -> type[DenseReference]:
    return DenseReference


@pytest.fixture
def make_batch() -> Callable[..., PointBatch]:
    """Points of several scenes in random order, no two in one cell."""

    def make(
        counts: tuple[int, ...] = (60, 40), channels: int = 4, seed: int = 0, extent: int = 12
    ) -> PointBatch:
        generator = torch.Generator().manual_seed(seed)
        grid = torch.cartesian_prod(*[torch.arange(extent)] * 3) - extent // 3
        chosen = [grid[torch.randperm(len(grid), generator=generator)[:count]] for count in counts]
        return PointBatch(
            grid_coord=torch.cat(chosen),
            features=torch.randn(sum(counts), channels, generator=generator),
            offsets=torch.tensor(counts).cumsum(0),
        )

    return make


@pytest.fixture
def parity_folder() -> Path:
    """The folder of numbers computed with the published code."""
    shared = os.environ.get("PONDER_SHARED", str(Path(__file__).resolve().parents[3].parent / "shared"))
    folder = Path(shared) / "parity"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}: set PONDER_SHARED to the folder that holds parity/")
    return folder
