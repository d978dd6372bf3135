"""Boxes as lines over the three drawings of a cloud."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from ponder_tasks.report.cloud_drawing import CloudDrawing

# Of corners that run around the bottom and then around the top.
EDGES = (
    (0, 1), (1, 2), (2, 3), (3, 0), (4, 5), (5, 6), (6, 7), (7, 4), (0, 4), (1, 5), (2, 6), (3, 7),
)  # fmt: skip

LINE_SHARE = 1 / 320
"""Width of a line over the width of the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxLines:
    """Boxes by their corners (metres; the bottom's in order around it, then the top's), and the colour of each."""

    corners: Float[np.ndarray, "boxes 8 3"]
    color: Float[np.ndarray, "boxes 3"]


def draw_boxes(
    picture: UInt8[np.ndarray, "height width 4"], drawing: CloudDrawing, lines: BoxLines
) -> UInt8[np.ndarray, "height width 4"]:
    """Return ``picture``, which shows ``drawing``, with the edges of all boxes over it, later boxes over earlier."""
    image = Image.fromarray(picture)
    width = max(1, round(picture.shape[1] * LINE_SHARE))
    for placement in drawing.placements:
        # What sticks out of a drawing must not run into the one beside it.
        layer = Image.new("RGBA", (placement.width, placement.height))
        pencil = ImageDraw.Draw(layer)
        for corners, color in zip(lines.corners, lines.color, strict=True):
            pixels = [(float(column), float(row)) for column, row in placement.pixels(corners)]
            fill = tuple(round(255 * float(channel)) for channel in np.clip(color, 0.0, 1.0))
            for start, end in EDGES:
                pencil.line((pixels[start], pixels[end]), fill=(*fill, 255), width=width)
        image.alpha_composite(layer, (placement.column, placement.row))
    return np.asarray(image)
