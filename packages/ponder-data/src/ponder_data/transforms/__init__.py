"""Pure functions ``Scene -> Scene``: points, normals, boxes and views change together, the input never."""

from ponder_data.transforms.augmentation import AugmentationConfig, augment
from ponder_data.transforms.block_mask import block_mask
from ponder_data.transforms.center_shift import center_shift, translate
from ponder_data.transforms.color_jitter import ColorJitterConfig, color_jitter
from ponder_data.transforms.flip import flip
from ponder_data.transforms.masking import MaskingConfig, mask_points
from ponder_data.transforms.random_drop import random_drop
from ponder_data.transforms.rotate import rotate, rotate_by, rotate_z, rotation_matrix
from ponder_data.transforms.scale import scale

__all__ = [
    "AugmentationConfig",
    "ColorJitterConfig",
    "MaskingConfig",
    "augment",
    "block_mask",
    "center_shift",
    "color_jitter",
    "flip",
    "mask_points",
    "random_drop",
    "rotate",
    "rotate_by",
    "rotate_z",
    "rotation_matrix",
    "scale",
    "translate",
]
