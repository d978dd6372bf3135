"""Marching cubes in slabs that share a plane, their triangles joined to one mesh."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from ponder_render.optional import load_skimage_measure

SMALLEST, LARGEST = 1e-3, 16.0
"""In steps of the lattice, what the size of the SDF is kept between, so that no vertex falls onto a lattice point."""

Planes = Callable[[int, int], Float[np.ndarray, "planes y z"]]
"""The SDF of the lattice's planes from one along x up to, and without, another; float32."""


def march(
    planes: Planes, shape: tuple[int, int, int], steps: tuple[float, float], slab_points: int
) -> tuple[Float[np.ndarray, "vertices 3"], Int[np.ndarray, "faces 3"]]:
    """Vertices in steps of the lattice, and faces, counter-clockwise seen from where the SDF is positive.

    Args:
        planes: the SDF; every plane is asked for once.
        shape: points of the lattice along x, y and z.
        steps: the shortest and the longest of the lattice's three steps, in the SDF's unit.
        slab_points: lattice points at once.

    Raises:
        ImportError: without scikit-image.
    """
    thickness, last = max(1, slab_points // (shape[1] * shape[2])), shape[0] - 1
    smallest, largest = SMALLEST * steps[0], LARGEST * steps[1]
    slabs = _Slabs()
    shared = np.zeros((0, *shape[1:]), dtype=np.float32)
    for start in range(0, last, thickness):
        values = planes(start + len(shared), min(start + thickness, last) + 1)
        # A surface through a lattice point would give several vertices there, and triangles without area.
        sign = np.where(values < 0, np.float32(-1), np.float32(1))
        slab = np.concatenate([shared, sign * np.abs(values).clip(smallest, largest)])
        slabs.add(slab, start)
        shared = slab[-1:].copy()
    return slabs.joined()


class _Slabs:
    """Collects the triangles of slabs. Vertices in a shared plane come out of both slabs, equal to the bit."""

    def __init__(self) -> None:
        self.vertices, self.faces = [np.zeros((0, 3))], [np.zeros((0, 3), dtype=np.int64)]
        self.total = 0
        self._open_plane()

    def _open_plane(self) -> None:
        self.seam_key, self.seam_number = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)

    def add(self, slab: Float[np.ndarray, "planes y z"], start: int) -> None:
        """March through a slab whose first plane is plane ``start`` of the lattice."""
        if slab.min() > 0 or slab.max() < 0:
            self._open_plane()
            return
        # "descent" turns triangles towards the higher values.
        marching_cubes = load_skimage_measure().marching_cubes
        local, faces, _, _ = marching_cubes(slab, level=0.0, gradient_direction="descent")
        key = _bits(local)
        number = np.full(len(local), -1)
        if start > 0:
            known = np.flatnonzero(local[:, 0] == 0)
            number[known] = self._known(key[known])
        new = np.flatnonzero(number < 0)
        number[new] = self.total + np.arange(len(new))
        self.total += len(new)
        self.vertices.append(local[new] + np.array([start, 0.0, 0.0]))
        self.faces.append(number[faces])
        end = np.flatnonzero(local[:, 0] == len(slab) - 1)
        end = end[np.argsort(key[end])]
        self.seam_key, self.seam_number = key[end], number[end]

    def _known(self, key: Int[np.ndarray, " vertices"]) -> Int[np.ndarray, " vertices"]:
        """The numbers that the slab before gave to vertices of the shared plane."""
        assert np.isin(key, self.seam_key).all(), "two slabs disagree about the plane they share"
        return self.seam_number[np.searchsorted(self.seam_key, key)]

    def joined(self) -> tuple[Float[np.ndarray, "vertices 3"], Int[np.ndarray, "faces 3"]]:
        return np.concatenate(self.vertices), np.concatenate(self.faces)


def _bits(local: Float[np.ndarray, "vertices 3"]) -> Int[np.ndarray, " vertices"]:
    """A number for where in its plane a vertex lies: the bits of its y and z."""
    return np.ascontiguousarray(local[:, 1:], dtype=np.float32).view(np.int64)[:, 0]
