"""The map of a street as nuScenes has it: a mask of road and sidewalk, 10 cm a pixel, north up."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from ponder_data.rooms.parts import part_bounds
from ponder_data.streets.street import Street

PIXEL = 0.1
"""Metres; the devkit takes it for granted."""

_MARGIN = 20.0
# What the mask holds, and what is cut out of it: a median lies upon the road.
_FOREGROUND = {"flat.driveable_surface": 255, "flat.sidewalk": 255, "flat.other": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetMap:
    """The mask, 255 on road and sidewalk, and where the street's frame lies in it.

    The global frame of the tables has its origin at the lower left corner of the mask, as the devkit reads it:
    ``global = street + shift``.
    """

    mask: UInt8[np.ndarray, "height width"]
    shift: Float[np.ndarray, "3"]


def draw_map(street: Street) -> StreetMap:
    """Draw the level ground of a street from above. Its pieces are boxes along the axes, so each is a rectangle."""
    pieces = [item for item in street.scenery if item.category in _FOREGROUND]
    pieces.sort(key=lambda item: -_FOREGROUND[item.category])
    corners = [part_bounds(item.part) for item in pieces]
    low = np.array([first[:2] for first, _ in corners])
    high = np.array([last[:2] for _, last in corners])
    shift = np.array([*(_MARGIN - low.min(axis=0)), 0.0])
    width, height = np.ceil((high.max(axis=0) + shift[:2] + _MARGIN) / PIXEL).astype(np.int64).tolist()
    mask = np.zeros((height, width), dtype=np.uint8)
    first = np.round((low + shift[:2]) / PIXEL).astype(np.int64).tolist()
    last = np.round((high + shift[:2]) / PIXEL).astype(np.int64).tolist()
    for piece, (left, bottom), (right, top) in zip(pieces, first, last, strict=True):
        mask[height - top : height - bottom, left:right] = _FOREGROUND[piece.category]
    return StreetMap(mask=mask, shift=shift)
