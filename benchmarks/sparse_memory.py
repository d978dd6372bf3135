"""Memory of SparseUNet on the torch backend, forward without gradients, rulebooks built on the way.

    python benchmarks/sparse_memory.py --cells 200000

Counts the bytes of every tensor that is alive at once (as PyTorch's operators return them; what a matrix product
uses inside is not seen), beside the weights and the points. The bound is the rulebooks, the points' features in
the order of their cells, what the encoder keeps for the decoder, and two copies of the largest activation; buffers
of a few MiB and a kernel with its norm folded in come on top. The peak of the process's resident memory, measured
in a run of its own, says that nothing large was missed.
"""

import argparse
import sys
import weakref
from collections.abc import Sequence
from typing import Any

import torch
from measuring import conditions, peak_of, restart_with_allocator, run_apart
from ponder_encoders import PointBatch, SparseUNet, SparseUNetConfig
from ponder_encoders.sparse.backend_torch import TorchBackend
from ponder_encoders.sparse.tensor import OccupiedCells, SparseTensor, order_cells
from sparse_conv import room_cells
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Bytes of the tensors made inside that are alive, and the most there were at once."""

    def __init__(self, known: Sequence[Tensor]) -> None:
        super().__init__()
        self._seen = {tensor.untyped_storage()._cdata for tensor in known}
        self.live = self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self._seen:
            self._seen.add(key)
            self.live += size
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._release, key, size)

    def _release(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.live -= size


def make_problem(cells: int, size: str) -> tuple[SparseUNet, PointBatch]:
    """A network and a room of about that many cells, in any order."""
    torch.manual_seed(0)
    grid_coord = room_cells(cells)
    count = grid_coord.shape[0]
    config: SparseUNetConfig = getattr(SparseUNetConfig, size)(backend="torch")
    batch = PointBatch(
        grid_coord=grid_coord[torch.randperm(count)],
        features=torch.randn(count, 6),
        offsets=torch.tensor([count]),
    )
    return SparseUNet(config).eval(), batch


def level_sizes(batch: PointBatch, stages: int) -> list[int]:
    """Cells at each resolution."""
    level: OccupiedCells = order_cells(batch).cells
    sizes = [len(level)]
    for _ in range(stages):
        level = level.coarser()
        sizes.append(len(level))
    return sizes


def rulebook_bytes(network: SparseUNet, batch: PointBatch) -> int:
    """What one forward pass leaves behind beside its result: the cells and their rulebooks."""
    counter = LiveBytes([*network.parameters(), *network.buffers(), batch.features, batch.grid_coord])
    with torch.no_grad(), counter:
        order = order_cells(batch)
        tensor = SparseTensor(features=batch.features, cells=order.cells, backend=TorchBackend())
        network.encode_decode(tensor)
    return counter.live


def report(cells: int, size: str) -> None:
    """Print what the forward pass holds and what it may."""
    network, batch = make_problem(cells, size)
    config = network.config
    levels = level_sizes(batch, config.stages)
    kept = [config.base_channels, *config.channels[: config.stages - 1]]
    skips = sum(rows * channels * 4 for rows, channels in zip(levels, kept, strict=False))
    widths = zip(
        [levels[0], *levels[1:], *levels[-2::-1]],
        [config.base_channels, *config.channels],
        strict=True,
    )
    largest = max(rows * channels * 4 for rows, channels in widths)
    rulebook, ordered = rulebook_bytes(network, batch), batch.features.nbytes
    counter = LiveBytes([*network.parameters(), *network.buffers(), batch.features, batch.grid_coord])
    with torch.no_grad(), counter:
        features = network(batch)
    del features
    resident = float(run_apart("--resident", "--cells", str(cells), "--size", size))
    print(f"{conditions()}")
    print(f"cells at each resolution          {levels}")
    print(f"rulebooks                         {rulebook / 1e6:8.1f} MB")
    print(f"kept for the decoder              {skips / 1e6:8.1f} MB")
    print(f"largest activation                {largest / 1e6:8.1f} MB")
    print(f"features in the order of cells    {ordered / 1e6:8.1f} MB")
    print(f"bound                             {(rulebook + ordered + skips + 2 * largest) / 1e6:8.1f} MB")
    print(f"alive at most                     {counter.peak / 1e6:8.1f} MB")
    print(f"  beside the rulebooks            {(counter.peak - rulebook) / 1e6:8.1f} MB")
    print(f"  in largest activations          {(counter.peak - rulebook) / largest:8.2f}")
    print(f"resident memory added at most     {resident * 1e3:8.1f} MB")


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=200_000)
    parser.add_argument("--size", choices=("full", "base", "small", "tiny"), default="full")
    parser.add_argument("--resident", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    restart_with_allocator()
    if arguments.resident:
        network, batch = make_problem(arguments.cells, arguments.size)
        with torch.no_grad():
            print(peak_of(lambda: network(batch)))
        sys.exit()
    report(arguments.cells, arguments.size)


if __name__ == "__main__":
    main()
