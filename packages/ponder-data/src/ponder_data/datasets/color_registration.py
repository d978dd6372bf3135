"""Registration: colours of a second camera brought to the pixels of the depth camera.

RGB-D sensors have two cameras, a few centimetres apart and of different focal length. Where a recording was
not registered by the sensor, colour and depth of one pixel belong to different places; in the 7-Scenes
recordings (Kinect, depth 585 pixels, colour about 525) by up to 30 pixels of 640.
"""

import numpy as np
import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn.functional import grid_sample

from ponder_data.depth import camera_points


class ColorCameraConfig(BaseModel):
    """A colour camera beside the depth camera, looking the same way. The defaults are the first Kinect's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    focal: tuple[float, float] = Field(default=(525.0, 525.0), description="fx, fy in pixels at full size")
    center: tuple[float, float] = Field(default=(319.5, 239.5), description="cx, cy in pixels at full size")
    position: tuple[float, float, float] = Field(
        default=(0.025, 0.0, 0.0),
        description="its centre in the depth camera's frame (x right, y down), metres",
    )

    def intrinsics(self) -> Float[Tensor, "3 3"]:
        """Return the 3x3 matrix at full size, float64."""
        (fx, fy), (cx, cy) = self.focal, self.center
        return torch.tensor([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]], dtype=torch.float64)


def filled_depth(depth: Float[Tensor, "height width"]) -> Float[Tensor, "height width"]:
    """Return the depth with missing pixels (0) set to the nearest sensed one's; 1 m where there is none."""
    missing = (depth <= 0).numpy()
    if missing.all():
        return torch.ones_like(depth)
    nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
    return depth[tuple(torch.from_numpy(np.asarray(nearest)).long())]


def register_color(
    color: Float[Tensor, "height width 3"],
    depth: Float[Tensor, "height width"],
    intrinsics: Float[Tensor, "3 3"],
    color_intrinsics: Float[Tensor, "3 3"],
    position: tuple[float, float, float],
) -> Float[Tensor, "height width 3"]:
    """Return, for each pixel of the depth camera, the colour that the colour camera sees of the same place.

    Colours are interpolated bilinearly; places outside the colour picture get its border. Places that only
    the depth camera sees (in the narrow shadow of nearer things) get the colour of what hides them.

    Args:
        color: picture of the colour camera, in [0, 1].
        depth: metres, 0 where missing (then the nearest sensed depth is taken).
        intrinsics: of the depth picture.
        color_intrinsics: of the colour picture.
        position: of the colour camera in the depth camera's frame, metres.
    """
    height, width = depth.shape
    places = camera_points(filled_depth(depth), intrinsics) - torch.tensor(position, dtype=depth.dtype)
    image = (places / places[..., 2:].clamp(min=1e-6)) @ color_intrinsics.T
    # grid_sample counts pixel centres from -1 to 1.
    size = torch.tensor([max(width - 1, 1), max(height - 1, 1)], dtype=depth.dtype)
    where = image[..., :2] / size * 2.0 - 1.0
    planes = color.permute(2, 0, 1)[None]
    found = grid_sample(planes, where[None], mode="bilinear", padding_mode="border", align_corners=True)
    return found[0].permute(1, 2, 0).contiguous()
