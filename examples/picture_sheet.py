"""A sheet of pictures: one row per view; real, rendered, depth and normals beside each other."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

DEPTH_COLORS = torch.tensor(
    [[0.99, 0.91, 0.65], [0.97, 0.61, 0.38], [0.80, 0.29, 0.42], [0.44, 0.13, 0.48], [0.10, 0.06, 0.30]]
)
"""From near to far."""

GAP = 6


def depth_picture(depth: Tensor, opacity: Tensor) -> Tensor:
    """Colours from near to far over what is seen, white elsewhere."""
    seen = opacity > 0.5
    near, far = (float(depth[seen].quantile(q)) if seen.any() else float(q) for q in (0.01, 0.99))
    place = ((depth - near) / max(far - near, 1e-6)).clamp(0, 1) * (len(DEPTH_COLORS) - 1)
    low = place.long().clamp(max=len(DEPTH_COLORS) - 2)
    part = (place - low)[..., None]
    return over_white(DEPTH_COLORS[low] * (1 - part) + DEPTH_COLORS[low + 1] * part, opacity)


def normal_picture(normal: Tensor, opacity: Tensor, camera_to_world: Tensor) -> Tensor:
    """Normals in the camera's frame as colours: right is red, up is green, towards the camera is blue."""
    inside = torch.nn.functional.normalize(normal, dim=-1) @ camera_to_world[:3, :3]
    return over_white(0.5 + 0.5 * inside * torch.tensor([1.0, -1.0, -1.0]), opacity)


def over_white(color: Tensor, opacity: Tensor) -> Tensor:
    """``color`` with its opacity before white."""
    return color * opacity[..., None] + 1 - opacity[..., None]


def write_sheet(rows: list[list[Tensor]], path: Path) -> None:
    """Write rows of equally large pictures (height, width, 3) to a PNG."""
    height, width = rows[0][0].shape[:2]
    sheet = np.full(
        (len(rows) * (height + GAP) - GAP, len(rows[0]) * (width + GAP) - GAP, 3), 255, dtype=np.uint8
    )
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = i * (height + GAP), j * (width + GAP)
            pixels = (picture.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
            sheet[top : top + height, left : left + width] = pixels
    Image.fromarray(sheet).save(path)
