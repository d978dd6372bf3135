"""Points as a view sees them: where each falls, and what the view measured there."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from ponder_data.depth import back_project, project_to_view
from ponder_data.scene import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Sightings:
    """The points that fall on pixels with depth: their own z-depth, and the measured one, metres."""

    z: Float[Tensor, " seen"]
    depth: Float[Tensor, " seen"]

    def __len__(self) -> int:
        return self.z.shape[0]


def sightings(points: Float[Tensor, "points 3"], view: View) -> Sightings:
    """Return the points that fall before the camera onto pixels where ``view`` has depth."""
    projected = project_to_view(points, view)
    column, row = projected.pixel.round().unbind(dim=1)
    inside = (projected.z > 0) & (column >= 0) & (column < view.width) & (row >= 0) & (row < view.height)
    z = projected.z[inside]
    depth = view.depth[row[inside].long(), column[inside].long()]
    measured = depth > 0
    return Sightings(z=z[measured], depth=depth[measured])


def view_points(view: View, count: int) -> Float[Tensor, "points 3"]:
    """Return about ``count`` of the points that a view measured, evenly spread over its pixels; world frame."""
    points = back_project(view.depth, view.intrinsics, view.camera_to_world)[view.depth > 0]
    return points[:: max(1, len(points) // count)]
