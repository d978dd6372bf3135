"""Sphere crop: the points nearest to one of them, so that a large scene fits into memory."""

from dataclasses import fields, replace
from typing import Literal

import torch
from jaxtyping import Bool
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from ponder_data.scene import Boxes, Scene, take_points


class SphereCropConfig(BaseModel):
    """How many points a scene may have. Off by default; indoor recipes use 100 000 or 204 800."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    points: int = Field(default=0, ge=0, description="points kept at most; 0 keeps all")
    around: Literal["random", "middle"] = Field(
        default="random",
        description="around a point drawn at random, or the point nearest to the bounds' middle",
    )

    @field_validator("points")
    @classmethod
    def _points_suffice(cls, value: int) -> int:
        if value == 1:
            raise ValueError("points is 1; normalisation layers need at least 2, and 0 keeps all")
        return value


def _kept_boxes(boxes: Boxes, kept: Bool[Tensor, " boxes"]) -> Boxes:
    values = {f.name: getattr(boxes, f.name) for f in fields(boxes)}
    return replace(boxes, **{name: None if value is None else value[kept] for name, value in values.items()})


def sphere_crop(scene: Scene, config: SphereCropConfig, generator: torch.Generator) -> Scene:
    """Return the scene with only the ``config.points`` points nearest to one of them, in their order.

    Boxes stay where their centre lies in the sphere that reaches to the farthest kept point. Views are not
    touched: like the masks, the crop takes points from the encoder and changes nothing of the place.
    ``grid_coord`` is counted from the lowest cell left. A scene that is small enough is returned as it is, and
    nothing is drawn for it.
    """
    if config.points == 0 or len(scene) <= config.points:
        return scene
    coord = scene.coord
    if config.around == "random":
        center = coord[int(torch.randint(len(scene), (), generator=generator, device=generator.device))]
    else:
        middle = (coord.amin(dim=0) + coord.amax(dim=0)) / 2
        center = coord[(coord - middle).square().sum(dim=1).argmin()]
    distance = (coord - center).square().sum(dim=1)
    nearest = distance.topk(config.points, largest=False)
    cropped = take_points(scene, nearest.indices.sort().values)
    if cropped.grid_coord is not None:
        cropped = replace(cropped, grid_coord=cropped.grid_coord - cropped.grid_coord.amin(dim=0))
    if scene.boxes is None:
        return cropped
    inside = (scene.boxes.center - center).square().sum(dim=1) <= nearest.values.max()
    return replace(cropped, boxes=_kept_boxes(scene.boxes, inside))
