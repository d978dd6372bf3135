"""The room: everything that stands in it, as primitives and as oriented boxes."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ponder_data.rooms.classes import RoomClass
from ponder_data.rooms.furniture.piece import Piece
from ponder_data.rooms.parts import moved
from ponder_data.rooms.primitives import Primitives, stack_parts

STUFF = frozenset({RoomClass.FLOOR, RoomClass.WALL, RoomClass.CEILING})
"""Classes that are not counted in instances."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A piece where it stands: position of its frame's origin (m) and heading about z (rad)."""

    piece: Piece
    position: Float[np.ndarray, "3"]
    heading: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomBoxes:
    """Oriented boxes of the instances, row = instance id: centre and full sizes (m), heading (rad), class."""

    center: Float[np.ndarray, "instances 3"]
    size: Float[np.ndarray, "instances 3"]
    heading: Float[np.ndarray, " instances"]
    label: tuple[RoomClass, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A furnished room: ``width`` (x) by ``depth`` (y) by ``height`` m around the z axis, floor at 0."""

    width: float
    depth: float
    height: float
    placed: tuple[Placed, ...]
    primitives: Primitives
    boxes: RoomBoxes


def assemble_room(width: float, depth: float, height: float, placed: list[Placed]) -> Room:
    """Number the instances and gather all parts in world coordinates."""
    parts, semantic, instance = [], [], []
    things = [item for item in placed if item.piece.label not in STUFF]
    number = {id(item): index for index, item in enumerate(things)}
    for item in placed:
        for part in item.piece.parts:
            parts.append(moved(part, item.position, item.heading))
            semantic.append(int(item.piece.label))
            instance.append(number.get(id(item), -1))
    return Room(
        width=width,
        depth=depth,
        height=height,
        placed=tuple(placed),
        primitives=stack_parts(parts, semantic, instance),
        boxes=_boxes(things),
    )


def _boxes(things: list[Placed]) -> RoomBoxes:
    corners = [item.piece.bounds() for item in things]
    local = np.array([0.5 * (low + high) for low, high in corners]).reshape(-1, 3)
    heading = np.array([item.heading for item in things])
    cosine, sine = np.cos(heading), np.sin(heading)
    turned = np.stack(
        [cosine * local[:, 0] - sine * local[:, 1], sine * local[:, 0] + cosine * local[:, 1], local[:, 2]],
        axis=1,
    )
    return RoomBoxes(
        center=turned + np.array([item.position for item in things]).reshape(-1, 3),
        size=np.array([high - low for low, high in corners]).reshape(-1, 3),
        heading=heading,
        label=tuple(item.piece.label for item in things),
    )
