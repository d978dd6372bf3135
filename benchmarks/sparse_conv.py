"""Sparse convolution on the CPU: each backend against spconv's Native algorithm, same cells, same weights.

    python benchmarks/sparse_conv.py --cells 50000 --rounds 5

Prints medians of interleaved rounds and ratios to spconv (greater is faster). Where spconv is not
installed, ratios are to the torch backend. Rulebooks are cached, as they are within one training step;
building them is timed on its own.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

# Both are read when torch is imported. Fresh large tensors otherwise spend their time in page faults; and threads that
# wait by spinning steal the core, on a busy machine, from the thread that they wait for.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from ponder_encoders import PointBatch, SparseUNet, SparseUNetConfig, available_backends
from ponder_encoders.sparse.backend import SparseBackend, choose_backend
from ponder_encoders.sparse.rulebook import ChildTable
from ponder_encoders.sparse.tensor import OccupiedCells, SparseTensor, order_cells
from torch import Tensor


def room_points(generator: np.random.Generator, count: int = 1_500_000) -> np.ndarray:
    """Noisy points on the surfaces of a 6 x 5 x 2.6 m room with a dozen boxes, turned out of the axes."""
    corners = [np.array([[0, 0, 0], [6, 5, 2.6]])]
    for _ in range(12):
        size = generator.uniform((0.3, 0.3, 0.3), (1.6, 1.2, 1.4))
        low = np.append(generator.uniform((0, 0), (6 - size[0], 5 - size[1])), 0)
        corners.append(np.stack([low, low + size]))
    boxes = np.stack(corners)
    size = boxes[:, 1] - boxes[:, 0]
    # Two faces across each axis, chosen by their area.
    area = np.stack([size[:, 1] * size[:, 2], size[:, 0] * size[:, 2], size[:, 0] * size[:, 1]], axis=1)
    face = generator.choice(area.size, size=count, p=area.ravel() / area.sum())
    box, axis = face // 3, face % 3
    inside = generator.random((count, 3))
    inside[np.arange(count), axis] = generator.integers(0, 2, count)
    points = boxes[box, 0] + inside * size[box] + generator.normal(0, 0.006, (count, 3))
    cosine, sine = np.cos(0.4), np.sin(0.4)
    return points @ np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1]])


def room_cells(target: int, seed: int = 0) -> Tensor:
    """About ``target`` occupied cells of a room; the cell size is found by bisection."""
    points = room_points(np.random.default_rng(seed))
    small, large = 0.01, 0.2
    cells = np.empty((0, 3), np.int64)
    for _ in range(12):
        size = (small * large) ** 0.5
        cells = np.unique(np.floor(points / size).astype(np.int64), axis=0)
        small, large = (size, large) if len(cells) > target else (small, size)
    return torch.from_numpy(cells - cells.min(axis=0))


def native_pairs(table: ChildTable) -> tuple[Tensor, Tensor]:
    """A strided convolution's rulebook as spconv holds it: (small, large cells) for each slot, and how many."""
    pairs = torch.full((2, 8, table.parent.shape[0]), -1, dtype=torch.int32)
    counts = torch.zeros(8, dtype=torch.int32)
    for slot in range(8):
        rows = (table.slot == slot).nonzero().squeeze(1)
        pairs[0, slot, : len(rows)] = rows.int()
        pairs[1, slot, : len(rows)] = table.parent[rows].int()
        counts[slot] = len(rows)
    return pairs, counts


def native_kernels(weight: Tensor) -> Tensor:
    """Kernels of size 2 as spconv holds them."""
    return weight.permute(2, 0, 1).reshape(weight.shape[2], 2, 2, 2, weight.shape[1]).contiguous()


def native_backend() -> SparseBackend:
    """spconv's Native algorithm for all three convolutions (our backend leaves strided ones to PyTorch)."""
    from ponder_encoders.sparse.backend_spconv import SpconvBackend, ops
    from spconv.core import ConvAlgo

    class Native(torch.autograd.Function):
        @staticmethod
        def forward(
            ctx: Any,
            features: Tensor,
            kernels: Tensor,
            pairs: Tensor,
            counts: Tensor,
            rows: int,
            inverse: bool,
        ):
            ctx.save_for_backward(features, kernels, pairs, counts)
            ctx.inverse = inverse
            return ops.indice_conv(features, kernels, pairs, counts, rows, inverse, False, ConvAlgo.Native)

        @staticmethod
        def backward(ctx: Any, gradient: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
            features, kernels, pairs, counts = ctx.saved_tensors
            gradient = gradient.contiguous()
            to_features, to_kernels = ops.indice_conv_backward(
                features, kernels, gradient, pairs, counts, ctx.inverse, False, ConvAlgo.Native
            )
            return to_features, to_kernels, None, None, None, None

    # The table is kept beside its pairs: a freed table's id would be given to another one.
    cached: dict[int, tuple[ChildTable, tuple[Tensor, Tensor]]] = {}

    def pairs_of(table: ChildTable) -> tuple[Tensor, Tensor]:
        if id(table) not in cached:
            cached[id(table)] = table, native_pairs(table)
        return cached[id(table)][1]

    class NativeBackend(SpconvBackend):
        def down(self, features: Tensor, weight: Tensor, table: ChildTable) -> Tensor:
            rows = table.coarse_keys.shape[0]
            return Native.apply(features, native_kernels(weight), *pairs_of(table), rows, False)  # type: ignore[no-any-return]

        def up(self, features: Tensor, weight: Tensor, table: ChildTable) -> Tensor:
            rows = table.parent.shape[0]
            return Native.apply(features, native_kernels(weight), *pairs_of(table), rows, True)  # type: ignore[no-any-return]

    return NativeBackend()


def race(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each; the contenders take turns, so that a busy moment hits all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds + 1):
        for name, contender in contenders.items():
            start = time.perf_counter()
            contender()
            if turn > 0:  # the first round warms up and compiles
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def show(title: str, medians: dict[str, float]) -> None:
    """Print seconds and ratios to the first contender."""
    reference = next(iter(medians.values()))
    print(title)
    for name, value in medians.items():
        print(f"  {name:<16} {value * 1e3:9.1f} ms   {reference / value:5.2f}x")


def backends() -> dict[str, SparseBackend]:
    """Every installed backend; spconv's Native first where it is installed."""
    found = [status.name for status in available_backends() if status.available]
    native = {"spconv native": native_backend()} if "spconv" in found else {}
    return native | {name: choose_backend(name, torch.device("cpu")) for name in found}


def race_backends(title: str, work: Callable[[SparseBackend], object], rounds: int) -> None:
    """Let every backend do the same work, and print the outcome."""
    show(title, race({name: partial(work, backend) for name, backend in backends().items()}, rounds))


def time_layer(cells: OccupiedCells, channels: int, rounds: int) -> None:
    """A single 3^3 layer."""
    features = torch.randn(len(cells), channels, requires_grad=True)
    weight = torch.randn(27, channels, channels, requires_grad=True)
    gradient = torch.randn(len(cells), channels)

    def inference(backend: SparseBackend) -> None:
        with torch.no_grad():
            backend.submanifold(features, weight, cells.neighbours(3, backend))

    def training(backend: SparseBackend) -> None:
        backend.submanifold(features, weight, cells.neighbours(3, backend)).backward(gradient)

    race_backends(f"one layer, {channels} channels, forward", inference, rounds)
    race_backends(f"one layer, {channels} channels, forward + backward", training, rounds)


def time_network(config: SparseUNetConfig, batch: PointBatch, rounds: int) -> None:
    """The whole network, rulebooks cached, and the rulebooks."""
    network = SparseUNet(config, generator=torch.Generator().manual_seed(0))
    cells = order_cells(batch).cells

    def forward(backend: SparseBackend) -> Tensor:
        tensor = SparseTensor(features=batch.features, cells=cells, backend=backend)
        return network.encode_decode(tensor).features

    def inference(backend: SparseBackend) -> None:
        with torch.no_grad():
            forward(backend)

    def training(backend: SparseBackend) -> None:
        network.zero_grad()
        forward(backend).square().mean().backward()

    race_backends("whole U-Net, forward", inference, rounds)
    race_backends("whole U-Net, forward + backward", training, rounds)
    show("rulebooks of the whole U-Net", race(rulebook_contenders(batch), rounds))


def rulebook_contenders(batch: PointBatch) -> dict[str, Callable[[], object]]:
    """Rulebooks for five resolutions, from points in any order: each backend's and spconv's own."""

    def ours(backend: SparseBackend) -> None:
        level = order_cells(batch).cells
        level.neighbours(5, backend)
        for step in range(5):
            level.neighbours(3, backend)
            level = level.coarser() if step < 4 else level

    found = {status.name for status in available_backends() if status.available}
    contenders: dict[str, Callable[[], object]] = {}
    if "spconv" in found:
        contenders["spconv native"] = partial(native_rulebooks, batch)
    for name in ("torch", "numba"):
        if name in found:
            contenders[name] = partial(ours, choose_backend(name, torch.device("cpu")))
    return contenders


def native_rulebooks(batch: PointBatch) -> None:
    """What spconv builds for the same network."""
    from ponder_encoders.sparse.backend_spconv import ops
    from spconv.core import ConvAlgo

    points = batch.grid_coord.shape[0]
    coordinates = torch.cat([batch.grid_coord.new_zeros(points, 1), batch.grid_coord], dim=1).int()
    shape = (batch.grid_coord.amax(dim=0) + 1).tolist()

    def pairs(size: int, stride: int) -> Tensor:
        kernel, strides, ones, zeros = [size] * 3, [stride] * 3, [1] * 3, [0] * 3
        padding = [size // 2 if stride == 1 else 0] * 3
        same = stride == 1
        algorithm = ConvAlgo.Native
        return ops.get_indice_pairs(
            coordinates, 1, shape, algorithm, kernel, strides, padding, ones, zeros, same, False
        )[0]

    pairs(5, 1)
    for step in range(5):
        pairs(3, 1)
        if step < 4:
            coordinates, shape = pairs(2, 2), [max(1, extent // 2) for extent in shape]


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--size", choices=("full", "base", "small", "tiny"), default="full")
    parser.add_argument("--layers", action="store_true", help="time single layers too")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(arguments.threads)
    grid_coord = room_cells(arguments.cells)
    count = grid_coord.shape[0]
    grid_coord = grid_coord[torch.randperm(count)]
    batch = PointBatch(grid_coord=grid_coord, features=torch.randn(count, 6), offsets=torch.tensor([count]))
    print(f"{count} cells, {torch.get_num_threads()} threads, torch {torch.__version__}")
    if arguments.layers:
        for channels in (32, 64, 96):
            time_layer(order_cells(batch).cells, channels, arguments.rounds)
    time_network(getattr(SparseUNetConfig, arguments.size)(), batch, arguments.rounds)


if __name__ == "__main__":
    main()
