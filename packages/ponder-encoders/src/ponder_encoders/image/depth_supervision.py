"""Learning depth distributions from sparse depth maps, such as those of LiDAR (BEVDepth; Li et al. 2022)."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ponder_encoders.image.depth_bins import DepthBinsConfig, bin_index, soft_bins

# Keeps the logarithm of 1 - p, and its gradient, finite where a wrong bin takes all.
_SURE = 1 - 1e-6


def nearest_depths(
    depth_maps: Float[Tensor, "batch cameras height width"], stride: int, rows: int, columns: int
) -> Float[Tensor, "batch cameras rows columns"]:
    """The smallest depth among the ``stride x stride`` pixels of each feature cell; 0 where all are missing.

    The nearest surface hides what LiDAR, which sits elsewhere, sees behind it.

    Raises:
        ValueError: the maps have not the size of ``rows x columns`` cells, give or take one that is cut.
    """
    height, width = depth_maps.shape[2:]
    if abs(rows * stride - height) >= stride or abs(columns * stride - width) >= stride:
        raise ValueError(
            f"depth maps of {height} x {width} pixels do not fit {rows} x {columns} cells of stride {stride}: "
            "depth must be given for the images as the backbone saw them"
        )
    missing = depth_maps <= 0
    negative = depth_maps.neg().masked_fill(missing, -torch.inf)
    negative = F.pad(negative, (0, columns * stride - width, 0, rows * stride - height), value=-torch.inf)
    nearest = F.max_pool2d(negative, stride).neg()
    return torch.where(nearest.isfinite(), nearest, torch.zeros_like(nearest))


def depth_supervision(
    depth_logits: Float[Tensor, "batch cameras bins rows columns"],
    depth_maps: Float[Tensor, "batch cameras height width"],
    bins: DepthBinsConfig,
    *,
    stride: int,
    kind: Literal["binary", "softmax"] = "binary",
    soft: bool = False,
) -> Float[Tensor, ""]:
    """Cross-entropy between predicted distributions and measured depths, averaged over cells that have one.

    With ``t`` the target and ``p = softmax(logits)``: ``- sum_d t_d log p_d`` ("softmax"), to which "binary" adds
    ``- sum_d (1 - t_d) log (1 - p_d)``, as BEVDepth does. Depths outside all bins count as missing.

    Args:
        depth_logits: of a lift, see ``LiftedVolume``.
        depth_maps: z-depth in metres at the images' resolution, 0 where missing.
        bins: of the logits.
        stride: pixels for each feature cell.
        kind: of cross-entropy.
        soft: the target is shared between the two nearest bins (:func:`soft_bins`), not given to one.

    Returns:
        Zero, with gradients of zero, where no depth was measured. In float32 at least, also under autocast.

    Raises:
        ValueError: logits, maps and bins do not fit each other.
    """
    if depth_logits.shape[2] != bins.count or depth_maps.shape[:2] != depth_logits.shape[:2]:
        raise ValueError(
            f"logits {tuple(depth_logits.shape)} and depth maps {tuple(depth_maps.shape)} must be of the same "
            f"cameras, and the logits of {bins.count} bins"
        )
    depths = nearest_depths(depth_maps, stride, depth_logits.shape[3], depth_logits.shape[4])
    index = bin_index(depths, bins)
    known = index >= 0
    wide = torch.promote_types(depth_logits.dtype, torch.float32)
    log_probability = depth_logits.permute(0, 1, 3, 4, 2).to(wide).log_softmax(dim=-1)
    hard = F.one_hot(index.clamp_min(0), bins.count).to(wide)
    target = soft_bins(depths.to(wide), bins) if soft else hard
    entropy = -(target * log_probability).sum(dim=-1)
    if kind == "binary":
        others = torch.log1p(-log_probability.exp().clamp_max(_SURE))
        entropy = entropy - ((1 - target) * others).sum(dim=-1)
    # Cells without depth are multiplied away, not selected: no shape depends on how many there are.
    return (entropy * known).sum() / known.sum().clamp_min(1)
