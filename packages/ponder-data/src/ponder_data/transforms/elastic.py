"""Elastic distortion: space bent by smooth random displacements (Simard et al. 2003, in 3D).

A displacement ``d`` is drawn for every node of a regular grid, smoothed, and interpolated: ``x' = x + d(x)``.
"""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor
from torch.nn.functional import avg_pool3d

from ponder_data.draws import draw_event
from ponder_data.scene import Scene

MOST_NODES = 2**26
"""Nodes of the largest grid that is drawn: 0.8 GB."""


class ElasticConfig(BaseModel):
    """How space bends: one field per entry, one after the other. Off by default; indoor recipes use 0.95.

    Drawing and smoothing leave displacements with a standard deviation of 0.11 times the magnitude along each axis.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    probability: float = Field(default=0.0, ge=0, le=1, description="share of the scenes that are bent")
    granularity: tuple[float, ...] = Field(
        default=(0.2, 0.8), description="distance of each field's nodes, metres"
    )
    magnitude: tuple[float, ...] = Field(
        default=(0.4, 1.6), description="strength of each field, metres: standard deviation before smoothing"
    )

    @model_validator(mode="after")
    def _fields_are_whole(self) -> "ElasticConfig":
        if len(self.granularity) != len(self.magnitude):
            raise ValueError(
                f"elastic: {len(self.granularity)} granularities but {len(self.magnitude)} magnitudes; "
                "give one of each per field"
            )
        if not all(math.isfinite(metres) and metres > 0 for metres in (*self.granularity, *self.magnitude)):
            raise ValueError(
                f"elastic: granularity {self.granularity} and magnitude {self.magnitude} must be positive metres"
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplacementField:
    """Displacements (m) at the nodes ``origin + granularity * (i, j, k)``, trilinear in between."""

    node: Float[Tensor, "x y z 3"]
    origin: Float[Tensor, "3"]
    granularity: float


def draw_field(
    coord: Float[Tensor, "points 3"], granularity: float, magnitude: float, generator: torch.Generator
) -> DisplacementField:
    """Draw a field around a cloud: Gaussian noise, averaged twice over 3 x 3 x 3 nodes (nothing counts as zero).

    Raises:
        ValueError: when the grid has too many nodes.
    """
    lower, upper = coord.amin(dim=0), coord.amax(dim=0)
    # One node before and at least one after the cloud.
    x, y, z = (int(n) + 3 for n in torch.floor((upper - lower).double() / granularity).tolist())
    if x * y * z > MOST_NODES:
        size = ", ".join(f"{metres:.3g} m" for metres in (upper - lower).tolist())
        raise ValueError(
            f"elastic: a cloud of {size} needs {x * y * z} nodes, more than {MOST_NODES}, at a granularity of "
            f"{granularity} m; use a coarser one, or check that coordinates are in metres"
        )
    noise = torch.randn((3, x, y, z), generator=generator, dtype=coord.dtype, device=generator.device)
    for _ in range(2):
        noise = avg_pool3d(noise, kernel_size=3, stride=1, padding=1)
    node = (magnitude * noise).permute(1, 2, 3, 0).contiguous().to(coord.device)
    return DisplacementField(node=node, origin=lower - granularity, granularity=granularity)


def displacement(
    field: DisplacementField, coord: Float[Tensor, "points 3"]
) -> tuple[Float[Tensor, "points 3"], Float[Tensor, "points 3 3"]]:
    """Return the displacement d at each point and its derivative ``D[p, i, j] = d d_i / d x_j``.

    Outside the grid, the displacement of the nearest place on its border counts.
    """
    size = torch.tensor(field.node.shape[:3], device=coord.device)
    place = ((coord - field.origin) / field.granularity).clamp(min=0).minimum((size - 1).to(coord.dtype))
    corner = place.long().minimum(size - 2)
    share = place - corner
    value = torch.zeros_like(coord)
    slope = coord.new_zeros(coord.shape[0], 3, 3)
    for step in torch.cartesian_prod(*[torch.arange(2, device=coord.device)] * 3):
        node = field.node[tuple((corner + step).unbind(dim=1))]
        weight = torch.where(step == 1, share, 1.0 - share)
        value += weight.prod(dim=1, keepdim=True) * node
        sign = step * 2 - 1
        across = torch.stack(
            [weight[:, 1] * weight[:, 2], weight[:, 0] * weight[:, 2], weight[:, 0] * weight[:, 1]], dim=1
        )
        slope += node[:, :, None] * (sign * across)[:, None, :]
    return value, slope / field.granularity


def _bent_normals(
    normal: Float[Tensor, "points 3"], slope: Float[Tensor, "points 3 3"]
) -> Float[Tensor, "points 3"]:
    """Return the normals of the bent surface: those of ``x + d(x)`` turn with the cofactors of ``1 + D``.

    Cofactors, unlike the inverse, exist where space is folded flat. Zero normals stay zero.
    """
    a, b, c = (torch.eye(3, dtype=slope.dtype, device=slope.device) + slope).unbind(dim=1)
    cofactor = torch.stack(
        [torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)], dim=1
    )
    bent = (cofactor @ normal[:, :, None]).squeeze(2)
    length = torch.linalg.vector_norm(bent, dim=1, keepdim=True)
    return torch.where(length > 1e-8, bent / length.clamp(min=1e-8), normal)


def bend(scene: Scene, field: DisplacementField) -> Scene:
    """Return the scene bent by a field: points and normals exactly, boxes by their centres, without views.

    No pinhole camera takes a straight picture of bent space, so the views are dropped, the held-out ones too.
    Boxes stay rectangular: they move with the displacement at their centres, with their sizes and headings.
    """
    value, slope = displacement(field, scene.coord)
    boxes = scene.boxes
    if boxes is not None:
        boxes = replace(boxes, center=boxes.center + displacement(field, boxes.center)[0])
    return replace(
        scene,
        coord=scene.coord + value,
        normal=_bent_normals(scene.normal, slope),
        boxes=boxes,
        views=(),
        held_out_views=(),
    )


def elastic(scene: Scene, config: ElasticConfig, generator: torch.Generator) -> Scene:
    """Return the scene, in a random share of the calls bent by every field of ``config``; see :func:`bend`.

    Where the configuration may bend at all, views are dropped from every scene, so that what follows can rely
    on it.

    Raises:
        ValueError: when the scene has no points or a field has too many nodes.
    """
    if config.probability == 0.0:
        return scene
    if len(scene) == 0:
        raise ValueError(
            f"scene {scene.name!r}: a cloud without points cannot be bent; check that it was read"
        )
    scene = replace(scene, views=(), held_out_views=())
    if not draw_event(config.probability, generator):
        return scene
    for granularity, magnitude in zip(config.granularity, config.magnitude, strict=True):
        scene = bend(scene, draw_field(scene.coord, granularity, magnitude, generator))
    return scene
