"""Arrays in the fewest bytes that lose nothing.

Colours of 8-bit pictures and depths in whole millimetres are float32 in a scene, but fit one and two bytes. Every
packing is undone before it is chosen: where one number would come back different, the array is kept as it is.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Packing = Literal["plain", "bytes", "millimetres"]
"""``bytes``: float32 ``b / 255``; ``millimetres``: float32 ``mm / 1000``; ``plain``: a smaller type, or the same."""

_FLOATS: tuple[tuple[Packing, type], ...] = (("bytes", np.uint8), ("millimetres", np.uint16))
_INTEGERS = (np.uint8, np.int8, np.uint16, np.int16, np.int32)
_DIVISOR = {"bytes": np.float32(255.0), "millimetres": np.float32(1000.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """An array as it is stored, with what it takes to get the original back."""

    values: np.ndarray
    packing: Packing
    dtype: str


def pack(values: np.ndarray) -> Packed:
    """Return ``values`` in fewer bytes; :func:`unpack` gives them back bit for bit."""
    if values.dtype == np.float32 and values.size:
        for packing, dtype in _FLOATS:
            packed = _packed_float(values, packing, dtype)
            if packed is not None:
                return packed
    if values.dtype.kind in "iu" and values.size:
        low, high = int(values.min()), int(values.max())
        for dtype in _INTEGERS:
            limits = np.iinfo(dtype)
            smaller = np.dtype(dtype).itemsize < values.dtype.itemsize
            if smaller and limits.min <= low and high <= limits.max:
                return Packed(values=values.astype(dtype), packing="plain", dtype=values.dtype.str)
    return Packed(values=values, packing="plain", dtype=values.dtype.str)


def unpack(packed: Packed) -> np.ndarray:
    """Return the original array."""
    if packed.packing == "plain":
        return packed.values.astype(np.dtype(packed.dtype), copy=False)
    return packed.values.astype(np.float32) / _DIVISOR[packed.packing]


def _packed_float(values: np.ndarray, packing: Packing, dtype: type) -> Packed | None:
    """Return ``values`` as whole multiples of the packing's unit, or None where that would change one bit."""
    low, high = float(values.min()), float(values.max())
    # NaN compares false, so that it is kept as it is.
    if not (low >= 0.0 and high <= np.iinfo(dtype).max / float(_DIVISOR[packing])):
        return None
    packed = Packed(
        values=np.round(values * _DIVISOR[packing]).astype(dtype), packing=packing, dtype=values.dtype.str
    )
    same = unpack(packed).view(np.uint32) == np.ascontiguousarray(values).view(np.uint32)
    return packed if bool(same.all()) else None
