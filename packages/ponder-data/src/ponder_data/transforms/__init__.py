"""Pure functions ``Scene -> Scene``: points, normals, boxes and views change together, the input never.

What becomes of the views, by the kind of transform:

- rigid motion, scale, mirroring: they are carried along, exactly;
- masks, crop, jitter: they stay, since the place did not change, only what the encoder gets to see of it;
- colours: they stay unless ``ColorJitterConfig.views`` says otherwise;
- elastic distortion, Mix3D: they are dropped, since no camera could have taken them.
"""

from ponder_data.transforms.augmentation import AugmentationConfig, augment
from ponder_data.transforms.auto_contrast import AutoContrastConfig, stretch_channels
from ponder_data.transforms.block_mask import block_mask
from ponder_data.transforms.center_shift import center_shift, translate
from ponder_data.transforms.color_jitter import ColorJitterConfig, color_jitter
from ponder_data.transforms.elastic import ElasticConfig, elastic
from ponder_data.transforms.flip import flip
from ponder_data.transforms.jitter import JitterConfig, jitter
from ponder_data.transforms.masking import MaskingConfig, mask_points
from ponder_data.transforms.mix3d import MixConfig, draw_partner, mix3d
from ponder_data.transforms.random_drop import random_drop
from ponder_data.transforms.rotate import rotate, rotate_by, rotate_z, rotation_matrix
from ponder_data.transforms.scale import scale
from ponder_data.transforms.sphere_crop import SphereCropConfig, sphere_crop

__all__ = [
    "AugmentationConfig",
    "AutoContrastConfig",
    "ColorJitterConfig",
    "ElasticConfig",
    "JitterConfig",
    "MaskingConfig",
    "MixConfig",
    "SphereCropConfig",
    "augment",
    "block_mask",
    "center_shift",
    "color_jitter",
    "draw_partner",
    "elastic",
    "flip",
    "jitter",
    "mask_points",
    "mix3d",
    "random_drop",
    "rotate",
    "rotate_by",
    "rotate_z",
    "rotation_matrix",
    "scale",
    "sphere_crop",
    "stretch_channels",
    "translate",
]
