"""One place in two splits: what is learned there would be tested there."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt64
from torch import Tensor

from ponder_data.checks.finding import Finding
from ponder_data.scene_splits import EVERY_SPLIT

CELL = 0.05
"""Side of the cells that stand for points, metres: coarser than noise, finer than furniture."""

LEAST_ALIKE = 0.8
"""Share of common cells above which two clouds are one."""

_SKETCH = 512
_LOOKED_UP = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What is remembered of a scene: the smallest hashes of its occupied cells, and where it belongs."""

    scene: str
    file: Path
    splits: tuple[str, ...]
    cells: UInt64[np.ndarray, " cells"]


def fingerprint(
    scene: str, file: Path, splits: tuple[str, ...], coord: Float[Tensor, "points 3"]
) -> Fingerprint:
    """Return the fingerprint of a cloud; neither the order of points nor thinning changes it much.

    The set of occupied cells is sketched by its 512 smallest hashes (bottom-k sampling, Broder 1997), from which the
    share of common cells of two sets can be told to within a few hundredths.
    """
    cells = np.unique(np.floor(coord.double().numpy() / CELL).astype(np.int64), axis=0).view(np.uint64)
    mixed = np.zeros(len(cells), dtype=np.uint64)
    for axis in range(3):
        mixed = _scattered(mixed ^ cells[:, axis])
    return Fingerprint(scene=scene, file=file, splits=splits, cells=np.sort(mixed)[:_SKETCH])


def likeness(first: Fingerprint, second: Fingerprint) -> float:
    """Return the estimated share of occupied cells that two clouds have in common (Jaccard index), 0 to 1."""
    union = np.union1d(first.cells, second.cells)[:_SKETCH]
    both = np.isin(union, first.cells) & np.isin(union, second.cells)
    return float(both.mean()) if len(union) else 0.0


def check_duplicates(prints: Sequence[Fingerprint]) -> Iterator[Finding]:
    """Yield a finding for each scene that is nearly the same as an earlier one of another split.

    Scenes of no split, which may yet be divided, give a warning.
    """
    by_hash: dict[int, list[int]] = defaultdict(list)
    for number, later in enumerate(prints):
        # Clouds that are alike share some of their smallest hashes: no other pairs need be compared.
        smallest = later.cells[:_LOOKED_UP].tolist()
        candidates = sorted({other for cell in smallest for other in by_hash[cell]})
        for cell in smallest:
            by_hash[cell].append(number)
        for earlier in (prints[other] for other in candidates):
            undecided = EVERY_SPLIT in (*earlier.splits, *later.splits)
            if set(earlier.splits) == set(later.splits) and not undecided:
                continue
            alike = likeness(earlier, later)
            if alike < LEAST_ALIKE:
                continue
            where = (
                "they may come into different splits"
                if undecided
                else f"in {'/'.join(later.splits)} and in {'/'.join(earlier.splits)}"
            )
            yield Finding(
                check="duplicate",
                severity="warning" if undecided else "error",
                file=later.file,
                scene=later.scene,
                message=f"shows the same place as {earlier.scene} ({earlier.file}): {100 * alike:.0f} % of their "
                f"occupied cells are common; {where}: remove one",
            )


def _scattered(values: UInt64[np.ndarray, " cells"]) -> UInt64[np.ndarray, " cells"]:
    """Return a permutation of 64-bit numbers without visible order (the finaliser of SplitMix64)."""
    mixed = values + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
