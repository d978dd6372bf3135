"""Random drop: most points removed, each alike."""

import torch

from ponder_data.draws import draw_distinct
from ponder_data.scene import Scene, take_points


def check_ratio(ratio: float, what: str) -> None:
    """Raise a ValueError when ``ratio``, the share to remove, is outside [0, 1)."""
    if not 0.0 <= ratio < 1.0:
        raise ValueError(
            f"{what}: the ratio of points to remove is {ratio}; it must be at least 0 and below 1"
        )


def random_drop(scene: Scene, generator: torch.Generator, ratio: float = 0.8) -> Scene:
    """Return the scene without a random share ``ratio`` of its points; the order of the others stays.

    Views are not touched. At least two points stay (all, where there are no more than two).

    Raises:
        ValueError: when ``ratio`` is outside [0, 1).
    """
    check_ratio(ratio, "random_drop")
    points = len(scene)
    kept = max(min(2, points), round(points * (1.0 - ratio)))
    index = draw_distinct(points, kept, generator).sort().values
    return take_points(scene, index.to(scene.coord.device))
