"""Drawing a cloud from three sides: from above, under it from the front, and beside that from the right.

Every point is a small square; nearer points are painted over farther ones. What lies in the eighth of the
cloud nearest to the viewer is left out, so that a ceiling or a near wall does not hide the room.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

CUT_AWAY = 0.125
LARGEST_CLOUD = 200_000
LINE = 2
"""Thickness of lines in pixels."""

MARGIN = 2
"""Pixels around and between the three drawings, besides the size of a point."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A direction of view: which axes point right, up and towards the viewer, with their signs."""

    right: int
    up: int
    toward: int
    toward_sign: float


TOP = Side(right=0, up=1, toward=2, toward_sign=1.0)
FRONT = Side(right=0, up=2, toward=1, toward_sign=-1.0)
RIGHT_SIDE = Side(right=1, up=2, toward=0, toward_sign=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where one side is drawn in the picture: which pixels hold it, and where a place of the world falls.

    Attributes:
        row, column: the upper left pixel.
        height, width: pixels.
        side: the direction of view.
        lower: the corner of the cloud that is drawn lowest and leftmost, metres.
        scale: pixels a metre.
        square: side of a point in pixels.
    """

    row: int
    column: int
    height: int
    width: int
    side: Side
    lower: Float[np.ndarray, "3"]
    scale: float
    square: int

    def pixels(self, coord: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 2"]:
        """Return column and row of each place (metres) within this drawing, where the middle of its point falls."""
        moved = self.scale * (coord - self.lower)
        middle = 0.5 * (self.square - 1)
        column = moved[:, self.side.right] + middle
        row = self.height - self.square - moved[:, self.side.up] + middle
        return np.stack((column, row), axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudDrawing:
    """Which point shows in each pixel of the three drawings, -1 where none does, and where each drawing is.

    All layers of a cloud share it: a layer's image is ``paint(drawing, color)``.
    """

    point: Int[np.ndarray, "height width"]
    placements: tuple[Placement, ...] = ()


def draw_cloud(coord: Float[np.ndarray, "points 3"], width: int, raised: int = 0) -> CloudDrawing:
    """Return the three drawings of a cloud in one picture ``width`` pixels wide, all to the same scale.

    A cloud of more than 200 000 points is thinned evenly. Points that are not finite, or stray (more than a
    twentieth of the extent beyond the 0.1 and 99.9 percentiles), are not drawn. The last ``raised`` points, which
    make up lines, are all drawn, thinly and over the others.
    """
    index = np.flatnonzero(np.isfinite(coord).all(axis=1))
    lines = index[index >= len(coord) - raised]
    index = index[: len(index) - len(lines)]
    index = index[:: max(1, -(-len(index) // LARGEST_CLOUD))]
    if len(index) == 0:
        return CloudDrawing(point=np.full((1, width), -1))
    lower, upper = _bounds(coord[index].astype(np.float64), coord[lines].astype(np.float64))
    index = np.concatenate([index, lines])
    kept = coord[index].astype(np.float64)
    extent = np.maximum(upper - lower, 1e-3 * max(float((upper - lower).max()), 1e-6))
    inside = ((kept >= lower) & (kept <= upper)).all(axis=1)
    index, kept = index[inside], kept[inside] - lower
    scale = (width - 6 * MARGIN) / (extent[0] + extent[1])
    square = _square_size(len(kept), extent, scale)
    over = index >= len(coord) - raised
    pictures = {
        side: _draw_side(kept, over, extent, side, scale, square) for side in (TOP, FRONT, RIGHT_SIDE)
    }
    point = _arrange(pictures[TOP], pictures[FRONT], pictures[RIGHT_SIDE])
    placements = _placements(pictures, lower, scale, square)
    return CloudDrawing(point=np.where(point >= 0, index[np.maximum(point, 0)], -1), placements=placements)


def paint(drawing: CloudDrawing, color: Float[np.ndarray, "points 3"]) -> UInt8[np.ndarray, "height width 4"]:
    """Return the picture in the colours of the points; transparent where there is none."""
    shown = drawing.point >= 0
    picture = np.zeros((*drawing.point.shape, 4), dtype=np.uint8)
    visible = np.clip(np.nan_to_num(color[drawing.point[shown]]), 0.0, 1.0)
    picture[shown, :3] = np.round(255.0 * visible).astype(np.uint8)
    picture[shown, 3] = 255
    return picture


def _bounds(
    coord: Float[np.ndarray, "points 3"], lines: Float[np.ndarray, "line_points 3"]
) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """Return the corners of the cloud without its strays, with all lines."""
    low, high = np.percentile(coord, [0.1, 99.9], axis=0)
    room = 0.05 * (high - low)
    lower, upper = np.maximum(coord.min(axis=0), low - room), np.minimum(coord.max(axis=0), high + room)
    if len(lines):
        lower, upper = np.minimum(lower, lines.min(axis=0)), np.maximum(upper, lines.max(axis=0))
    return lower, upper


def _square_size(points: int, extent: Float[np.ndarray, "3"], scale: float) -> int:
    """Return the side of a point in pixels: about the distance of points spread over their box's walls."""
    walls = 2.0 * (extent[0] * extent[1] + extent[0] * extent[2] + extent[1] * extent[2])
    return int(np.clip(np.ceil(1.6 * scale * np.sqrt(walls / points)), 1, 12))


def _draw_side(
    coord: Float[np.ndarray, "points 3"],
    over: Bool[np.ndarray, " points"],
    extent: Float[np.ndarray, "3"],
    side: Side,
    scale: float,
    square: int,
) -> Int[np.ndarray, "height width"]:
    """Return which point shows in each pixel from one side, nearer points over farther ones."""
    nearness = side.toward_sign * coord[:, side.toward]
    limit = nearness.min() + (1.0 - CUT_AWAY) * extent[side.toward]
    visible = np.flatnonzero((nearness <= limit) & ~over)
    order = visible[np.argsort(nearness[visible], kind="stable")]
    height = int(np.ceil(scale * extent[side.up])) + square
    width = int(np.ceil(scale * extent[side.right])) + square
    picture = np.full(height * width, -1, dtype=np.int64)
    for drawn, size in ((order, square), (np.flatnonzero(over), min(square, LINE))):
        column = (scale * coord[drawn, side.right]).astype(np.int64)
        row = height - square - (scale * coord[drawn, side.up]).astype(np.int64)
        offset = np.arange(size)
        pixels = (row[:, None, None] + offset[:, None]) * width + column[:, None, None] + offset
        pixels = pixels.reshape(len(drawn), size * size)
        # Repeated indices keep the last value written, and the nearest point is written last.
        picture[pixels.ravel()] = np.repeat(drawn, pixels.shape[1])
    return picture.reshape(height, width)


def _placements(
    pictures: Mapping[Side, Int[np.ndarray, "_ _"]], lower: Float[np.ndarray, "3"], scale: float, square: int
) -> tuple[Placement, ...]:
    """Return where ``_arrange`` puts each side."""
    below, beside = pictures[TOP].shape[0] + 3 * MARGIN, pictures[FRONT].shape[1] + 3 * MARGIN
    corners = {TOP: (0, 0), FRONT: (below, 0), RIGHT_SIDE: (below, beside)}
    return tuple(
        Placement(
            row=row,
            column=column,
            height=pictures[side].shape[0],
            width=pictures[side].shape[1],
            side=side,
            lower=lower,
            scale=scale,
            square=square,
        )
        for side, (row, column) in corners.items()
    )


def _arrange(
    top: Int[np.ndarray, "top_height left_width"],
    front: Int[np.ndarray, "front_height left_width"],
    right: Int[np.ndarray, "front_height right_width"],
) -> Int[np.ndarray, "height width"]:
    """Return one picture: the top view, the front view under it, and the right view beside the front view."""
    gap = 3 * MARGIN
    height = top.shape[0] + gap + front.shape[0]
    width = top.shape[1] + gap + right.shape[1]
    picture = np.full((height, width), -1, dtype=np.int64)
    picture[: top.shape[0], : top.shape[1]] = top
    picture[top.shape[0] + gap :, : front.shape[1]] = front
    picture[top.shape[0] + gap :, front.shape[1] + gap :] = right
    return picture
