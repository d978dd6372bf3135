"""Colours for classes: distinct, always the same, and none like the grey of "no label"."""

import colorsys

import numpy as np
from jaxtyping import Float, Int

UNLABELLED = (0.60, 0.62, 0.64)
"""Grey of points and pixels without a label."""

FIRST_COLORS = (
    "4e79a7", "f28e2b", "59a14f", "e15759", "76b7b2", "edc948", "b07aa1", "9c755f", "ff9da7", "1b6ca8",
    "8cd17d", "b6992d", "d37295", "499894", "86bcb6", "d4a6c8", "a0cbe8", "ffbe7d", "d7b5a6", "5d8a3a",
)  # fmt: skip

GOLDEN_RATIO = 0.618033988749895


def class_palette(classes: int) -> Float[np.ndarray, "classes 3"]:
    """Return one RGB colour in [0, 1] per class: twenty chosen ones, then hues that step round the circle."""
    chosen = [tuple(int(text[place : place + 2], 16) / 255 for place in (0, 2, 4)) for text in FIRST_COLORS]
    further = [
        colorsys.hsv_to_rgb(
            (index * GOLDEN_RATIO) % 1.0, 0.45 + 0.3 * (index % 2), 0.85 - 0.2 * (index % 3 == 0)
        )
        for index in range(max(0, classes - len(chosen)))
    ]
    return np.array([*chosen, *further], dtype=np.float64)[:classes].reshape(classes, 3)


def label_colors(
    labels: Int[np.ndarray, "*shape"], palette: Float[np.ndarray, "classes 3"]
) -> Float[np.ndarray, "*shape 3"]:
    """Return each label's colour; grey for negative labels.

    Raises:
        ValueError: when a label has no colour.
    """
    if labels.size and int(labels.max()) >= len(palette):
        raise ValueError(f"label {int(labels.max())} has no colour: the palette has {len(palette)} classes")
    with_grey = np.concatenate([palette, np.array([UNLABELLED])])
    return with_grey[np.where(labels < 0, len(palette), labels)]
