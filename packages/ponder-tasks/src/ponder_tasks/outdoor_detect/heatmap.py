"""Centres of boxes as peaks of a map seen from above (Zhou et al., CenterNet; Yin et al., CenterPoint)."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def gaussian_radius(size: Float[Tensor, "boxes 2"], overlap: float) -> Float[Tensor, " boxes"]:
    """Return how far both corners of a rectangle may be wrong while it still overlaps itself by ``overlap``.

    The smallest of three cases (Law and Deng, CornerNet): both corners move the same way, both inwards, or both
    outwards, each by r along both sides. They are the smaller (positive) roots of
    ``(1 + o) ((l - r)(w - r)) = 2 o l w``, ``(l - 2r)(w - 2r) = o l w`` and ``o (l + 2r)(w + 2r) = l w``.

    Args:
        size: length and width, in cells or metres; the radius has the same unit.
        overlap: intersection over union, in (0, 1).
    """
    total, area = size.sum(dim=1), size.prod(dim=1)
    shifted = total / 2 - (total**2 / 4 - area * (1 - overlap) / (1 + overlap)).clamp_min(0).sqrt()
    shrunk = total / 4 - (total**2 / 16 - area * (1 - overlap) / 4).clamp_min(0).sqrt()
    grown = -total / 4 + (total**2 / 16 + area * (1 / overlap - 1) / 4).sqrt()
    return torch.stack((shifted, shrunk, grown)).amin(dim=0)


def draw_heatmap(
    cell: Int[Tensor, "boxes 2"],
    radius: Int[Tensor, " boxes"],
    label: Int[Tensor, " boxes"],
    *,
    classes: int,
    shape: tuple[int, int],
) -> Float[Tensor, "classes X Y"]:
    """Return ``max over boxes b of the class of exp(-|cell - cell_b|^2 / (2 s_b^2))``, ``s_b = (2 r_b + 1) / 6``.

    A box counts within the square of ``r_b`` cells about its own cell only, where the map is exactly 1.

    Args:
        cell: of each box's centre, within ``shape``.
        radius: cells.
        label: class of each box.
        classes: number of maps.
        shape: cells along x and y.
    """
    heatmap = torch.zeros(classes, *shape, device=cell.device)
    if len(cell) == 0:
        return heatmap
    x = torch.arange(shape[0], device=cell.device) - cell[:, :1]
    y = torch.arange(shape[1], device=cell.device) - cell[:, 1:]
    width = ((2 * radius + 1) / 6.0)[:, None]
    along_x = torch.exp(-(x**2) / (2 * width**2)) * (x.abs() <= radius[:, None])
    along_y = torch.exp(-(y**2) / (2 * width**2)) * (y.abs() <= radius[:, None])
    drawn = along_x[:, :, None] * along_y[:, None, :]
    index = label[:, None, None].expand_as(drawn)
    return heatmap.scatter_reduce(0, index, drawn, reduce="amax")


def heatmap_focal_loss(logits: Float[Tensor, "*map"], target: Float[Tensor, "*map"]) -> Float[Tensor, ""]:
    """Return the focal loss of a heatmap for each of its peaks (at least one).

    ``-(1 - p)^2 log p`` where the target is 1, elsewhere ``-(1 - target)^4 p^2 log(1 - p)``, with p the sigmoid.
    """
    probability = logits.sigmoid()
    peak = target == 1
    found = torch.nn.functional.logsigmoid(logits) * (1 - probability) ** 2
    missed = torch.nn.functional.logsigmoid(-logits) * probability**2 * (1 - target) ** 4
    return -torch.where(peak, found, missed).sum() / peak.sum().clamp_min(1)
