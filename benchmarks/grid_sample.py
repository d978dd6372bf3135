"""How long grid sampling takes, against the usual form: FNV hash of the cells, argsort, ``np.unique``.

    OMP_NUM_THREADS=1 uv run python benchmarks/grid_sample.py

Both keep one random point per cell of a room of 1M points and say for every point which kept one stands for it. Before
anything is timed, the results are compared: the same cells, every kept point in its own, the same inverse map up to
the order of the cells. "ponder" takes the bitmap of cells where numba is installed (extra ``cpu`` of ponder-data);
"sorted" is what it does without.
"""

import argparse
import json

import numpy as np
import torch
from measuring import conditions, median_times, restart_with_allocator
from ponder_data import GridSample, grid_sample
from ponder_data.grid.sorting import sort_cells
from ponder_data.grid.span import grid_span
from ponder_data.optional import has_numba

SIZE = (8.0, 6.0, 3.0)


def room(points: int, seed: int) -> torch.Tensor:
    """Points on the walls, floor and ceiling of a room and on boxes in it, with 5 mm of noise, as scanned."""
    generator = torch.Generator().manual_seed(seed)
    boxes = 40
    size = torch.cat((torch.tensor([SIZE]), 0.3 + torch.rand(boxes, 3, generator=generator)))
    corner = torch.rand(boxes, 3, generator=generator) * (torch.tensor(SIZE) - size[1:])
    corner = torch.cat((torch.zeros(1, 3), corner))
    area = (size.prod(dim=1, keepdim=True) / size).sum(dim=1)
    solid = torch.multinomial(area, points, replacement=True, generator=generator)
    share = torch.rand(points, 3, generator=generator)
    axis = torch.randint(3, (points, 1), generator=generator)
    side = torch.randint(2, (points, 1), generator=generator).float()
    surface = corner[solid] + size[solid] * share.scatter(1, axis, side)
    return surface + 0.005 * torch.randn(points, 3, generator=generator)


def fnv_hash(cells: np.ndarray) -> np.ndarray:
    """FNV of each row, 64 bits."""
    hashed = np.full(len(cells), 14695981039346656037, dtype=np.uint64)
    for column in cells.astype(np.uint64).T:
        hashed = (hashed * np.uint64(1099511628211)) ^ column
    return hashed


def usual_grid_sample(coord: np.ndarray, cell: float, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Return index, cells and inverse as the usual form computes them."""
    cells = np.floor(coord.astype(np.float64) / cell).astype(np.int64)
    cells -= cells.min(axis=0)
    key = fnv_hash(cells)
    order = np.argsort(key)
    _, sorted_inverse, count = np.unique(key[order], return_inverse=True, return_counts=True)
    start = np.cumsum(count) - count
    index = order[start + rng.integers(0, count.max(), count.size) % count]
    inverse = np.empty_like(sorted_inverse)
    inverse[order] = sorted_inverse
    return index, cells[index], inverse


def by_sorting(coord: torch.Tensor, cell: float, generator: torch.Generator) -> torch.Tensor:
    """Return the kept points as they are found without numba."""
    cells = sort_cells(coord, grid_span(coord, cell))
    return cells.points_at(torch.rand(cells.count.shape, generator=generator, dtype=torch.float64))


def compare(coord: torch.Tensor, cell: float, ours: GridSample) -> None:
    """Stop unless both forms give the same sets of points as cells, with inverse maps that say so."""
    index, cells, inverse = usual_grid_sample(coord.numpy(), cell, np.random.default_rng(0))
    found, expected = ours.grid_coord.numpy(), cells[np.lexsort(cells.T[::-1])]
    every = np.floor(coord.numpy().astype(np.float64) / cell).astype(np.int64)
    every -= every.min(axis=0)
    same = {
        "cells": np.array_equal(found, expected),
        "kept points": np.array_equal(every[ours.index.numpy()], found),
        "inverse": np.array_equal(found[ours.inverse.numpy()], every)
        and np.array_equal(cells[inverse], every),
        "cells of the usual form": np.array_equal(every[index], cells),
    }
    if not all(same.values()):
        raise SystemExit(f"the two forms differ: {same}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--cell", type=float, default=0.02)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    coord = room(options.points, seed=0)
    generator, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    ours = grid_sample(coord, options.cell, generator)
    compare(coord, options.cell, ours)
    numbers = coord.numpy()
    seconds = median_times(
        {
            "usual": lambda: usual_grid_sample(numbers, options.cell, rng),
            "ponder": lambda: grid_sample(coord, options.cell, generator),
            "sorted": lambda: by_sorting(coord, options.cell, generator),
        },
        options.rounds,
    )
    result = {
        "points": options.points,
        "kept": len(ours.index),
        "usual ms": round(1e3 * seconds["usual"], 1),
        "ponder ms": round(1e3 * seconds["ponder"], 1),
        "sorted ms": round(1e3 * seconds["sorted"], 1),
        "numba": has_numba(),
        "times as fast": round(seconds["usual"] / seconds["ponder"], 2),
        "times as fast, sorted": round(seconds["usual"] / seconds["sorted"], 2),
    }
    print(json.dumps({**result, **conditions()}, indent=1))


if __name__ == "__main__":
    restart_with_allocator()
    main()
