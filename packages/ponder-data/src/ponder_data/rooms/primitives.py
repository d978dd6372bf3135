"""Primitives: all parts of a room as arrays, ready for ray casting."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from ponder_data.rooms.materials import MaterialTable, stack_materials
from ponder_data.rooms.parts import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Primitives:
    """Solids in structure-of-arrays form, world frame, metres, float32.

    Attributes:
        shape: `Shape` of each.
        center, half_size, rotation, taper: as in `Part`.
        semantic: class id.
        instance: instance id, -1 for floor, walls and ceiling.
        materials: look of each.
    """

    shape: Int[np.ndarray, " primitives"]
    center: Float[np.ndarray, "primitives 3"]
    half_size: Float[np.ndarray, "primitives 3"]
    rotation: Float[np.ndarray, "primitives 3 3"]
    taper: Float[np.ndarray, " primitives"]
    semantic: Int[np.ndarray, " primitives"]
    instance: Int[np.ndarray, " primitives"]
    materials: MaterialTable

    def __len__(self) -> int:
        return self.shape.shape[0]

    def to_canonical(self) -> Float[np.ndarray, "primitives 3 3"]:
        """Matrices that take world offsets from ``center`` to canonical coordinates: ``R^T / half_size``."""
        return np.swapaxes(self.rotation, 1, 2) / self.half_size[:, :, None]


def stack_parts(parts: Sequence[Part], semantic: Sequence[int], instance: Sequence[int]) -> Primitives:
    """Turn parts in world coordinates, with the class and instance of each, into arrays.

    Raises:
        ValueError: when the three sequences differ in length.
    """
    if not len(parts) == len(semantic) == len(instance):
        raise ValueError(
            f"{len(parts)} parts, {len(semantic)} classes and {len(instance)} instances; "
            "give one class and one instance for each part"
        )
    return Primitives(
        shape=np.array([part.shape for part in parts], dtype=np.int64),
        center=np.array([part.center for part in parts], dtype=np.float32).reshape(-1, 3),
        half_size=np.array([part.half_size for part in parts], dtype=np.float32).reshape(-1, 3),
        rotation=np.array([part.rotation for part in parts], dtype=np.float32).reshape(-1, 3, 3),
        taper=np.array([part.taper for part in parts], dtype=np.float32),
        semantic=np.array(semantic, dtype=np.int64),
        instance=np.array(instance, dtype=np.int64),
        materials=stack_materials([part.material for part in parts]),
    )


def inside_any(
    primitives: Primitives, points: Float[np.ndarray, "points 3"], margin: float
) -> Bool[np.ndarray, " points"]:
    """Whether each point lies inside the own bounding box of some primitive, grown by ``margin`` metres."""
    offset = points[:, None, :].astype(np.float32) - primitives.center
    local = np.einsum("pki,kij->pkj", offset, primitives.rotation)
    reach = primitives.half_size * (1.0 + _widening(primitives)) + np.float32(margin)
    return (np.abs(local) <= reach).all(axis=2).any(axis=1)


def _widening(primitives: Primitives) -> Float[np.ndarray, "primitives 3"]:
    """By what share a taper widens the bounding box along each of its own axes."""
    wide = np.zeros_like(primitives.half_size)
    wide[:, :2] = np.abs(primitives.taper)[:, None]
    return wide


def corners(primitives: Primitives) -> Float[np.ndarray, "primitives 8 3"]:
    """World corners of each primitive's own bounding box; corner ``i`` has sign bits of ``i`` for x, y, z."""
    signs = np.array([[(i >> axis & 1) * 2 - 1 for axis in range(3)] for i in range(8)], dtype=np.float32)
    reach = primitives.half_size * (1.0 + _widening(primitives))
    local = signs[None] * reach[:, None, :]
    return primitives.center[:, None, :] + np.einsum("kci,kji->kcj", local, primitives.rotation)
