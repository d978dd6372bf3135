"""Mix3D: two scenes laid over each other (Nekrasov et al. 2021), so that context alone cannot name a point."""

from dataclasses import fields, replace

import torch
from jaxtyping import Int
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_data.draws import draw_event
from ponder_data.scene import IGNORE_LABEL, Boxes, Scene
from ponder_data.transforms.center_shift import center_shift


class MixConfig(BaseModel):
    """How often two scenes are laid over each other. Off by default; indoor segmentation recipes use 0.8."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    probability: float = Field(
        default=0.0, ge=0, le=1, description="share of the pairs of scenes that are laid over each other"
    )


def draw_partner(index: int, scenes: int, config: MixConfig, generator: torch.Generator) -> int | None:
    """Draw which other of ``scenes`` scenes to lay over scene ``index``; None for none.

    Every other scene is equally likely. Nothing is drawn where the probability is 0 or there is no other.
    """
    if scenes < 2 or not draw_event(config.probability, generator):
        return None
    other = int(torch.randint(scenes - 1, (), generator=generator, device=generator.device))
    return other + (other >= index)


def _check_pair(first: Scene, second: Scene) -> None:
    for name in ("dataset", "class_names"):
        if getattr(first, name) != getattr(second, name):
            raise ValueError(
                f"mix3d: {first.name!r} has {name} {getattr(first, name)!r} but {second.name!r} has "
                f"{getattr(second, name)!r}; mix scenes of one data set only"
            )
    for scene in (first, second):
        if scene.grid_coord is not None:
            raise ValueError(
                f"mix3d: {scene.name!r} was sampled on a grid already; cells of two scenes would coincide, so mix first"
            )


def _next_instance(scene: Scene) -> int:
    """Return the lowest number above all instances of the scene's points and boxes."""
    numbers = [scene.instance, None if scene.boxes is None else scene.boxes.instance]
    return max((int(n.max()) + 1 for n in numbers if n is not None and n.numel() > 0), default=0)


def _joined_labels(
    first: Int[Tensor, " m"] | None, second: Int[Tensor, " n"] | None, lengths: tuple[int, int]
) -> Int[Tensor, " both"] | None:
    """Return the labels of both clouds, -1 for the one that has none; None where neither has any."""
    present = first if first is not None else second
    if present is None:
        return None
    parts = [
        present.new_full((length,), IGNORE_LABEL) if labels is None else labels.to(present.dtype)
        for labels, length in zip((first, second), lengths, strict=True)
    ]
    return torch.cat(parts)


def _joined_boxes(first: Boxes | None, second: Boxes | None) -> Boxes | None:
    if first is None or second is None:
        return first if second is None else second
    return replace(
        first, **{f.name: _joined(getattr(first, f.name), getattr(second, f.name)) for f in fields(first)}
    )


def _joined(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    """Return both one after the other; None unless both are known."""
    return None if first is None or second is None else torch.cat((first, second))


def _renumbered(scene: Scene, start: int) -> Scene:
    """Return the scene with its instances counted from ``start``; -1 stays."""

    def moved(instance: Tensor) -> Tensor:
        return torch.where(instance >= 0, instance + start, instance)

    boxes = scene.boxes
    return replace(
        scene,
        instance=None if scene.instance is None else moved(scene.instance),
        boxes=None if boxes is None else replace(boxes, instance=moved(boxes.instance)),
    )


def mix3d(first: Scene, second: Scene) -> Scene:
    """Return both scenes as one: each centred as :func:`center_shift` does, their points and boxes side by side.

    Instances of the second are numbered after those of the first. What only one of them knows of its boxes or of its
    LiDAR returns is left out. Pictures show one scene only, so the result
    has no views: it can be learned from by labels, but not rendered.

    Raises:
        ValueError: when the scenes come from different data sets or class lists, one was sampled on a grid, or
            one has no points.
    """
    _check_pair(first, second)
    first, second = center_shift(first), center_shift(_renumbered(second, _next_instance(first)))
    lengths = (len(first), len(second))
    return replace(
        first,
        name=f"{first.name}+{second.name}",
        coord=torch.cat((first.coord, second.coord)),
        color=torch.cat((first.color, second.color)),
        normal=torch.cat((first.normal, second.normal)),
        semantic=_joined_labels(first.semantic, second.semantic, lengths),
        instance=_joined_labels(first.instance, second.instance, lengths),
        intensity=_joined(first.intensity, second.intensity),
        time=_joined(first.time, second.time),
        ring=_joined(first.ring, second.ring),
        boxes=_joined_boxes(first.boxes, second.boxes),
        views=(),
        held_out_views=(),
    )
