"""What one scene holds, in figures that are small enough to keep of every scene of a large folder."""

from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_data.scene import Boxes, Scene, View, ViewSource

_SAMPLE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Some of the values of a quantity, evenly spread over all of them."""

    name: str
    unit: str
    values: Float[Tensor, " values"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneFacts:
    """Figures of one scene.

    Attributes:
        name, splits: of the scene.
        points, labelled_points, instances, boxes, views, held_out_views: counts.
        memory: bytes of its tensors.
        sources: where its views come from.
        points_of_class, boxes_of_class: counts by label.
        samples: of its coordinates' extents, colours, depths, ...
    """

    name: str
    splits: tuple[str, ...]
    points: int
    labelled_points: int
    instances: int
    boxes: int
    views: int
    held_out_views: int
    memory: int
    sources: tuple[ViewSource, ...]
    points_of_class: Int[Tensor, " classes"]
    boxes_of_class: Int[Tensor, " box_classes"]
    samples: tuple[Sample, ...]


def facts_of(scene: Scene, splits: tuple[str, ...]) -> SceneFacts:
    """Return the figures of a scene."""
    labels, instances, boxes = scene.semantic, scene.instance, scene.boxes
    every_view = (*scene.views, *scene.held_out_views)
    return SceneFacts(
        name=scene.name,
        splits=splits,
        points=len(scene),
        labelled_points=0 if labels is None else int((labels >= 0).sum()),
        instances=0 if instances is None else len(instances[instances >= 0].unique()),
        boxes=0 if boxes is None else len(boxes),
        views=len(scene.views),
        held_out_views=len(scene.held_out_views),
        memory=memory_of(scene),
        sources=tuple(dict.fromkeys(view.source for view in every_view)),
        points_of_class=_histogram(labels),
        boxes_of_class=_histogram(None if boxes is None else boxes.label),
        samples=tuple(_samples(scene, every_view)),
    )


def memory_of(scene: Scene) -> int:
    """Return the bytes of all tensors of a scene."""
    holders: tuple[Scene | View | Boxes | None, ...] = (
        scene,
        scene.boxes,
        *scene.views,
        *scene.held_out_views,
    )
    values = [
        getattr(holder, field.name) for holder in holders if holder is not None for field in fields(holder)
    ]
    return sum(value.nbytes for value in values if isinstance(value, Tensor))


def _samples(scene: Scene, views: tuple[View, ...]) -> list[Sample]:
    extent = scene.coord.amax(dim=0) - scene.coord.amin(dim=0)
    samples = [
        Sample(name=f"extent in {axis}", unit="m", values=extent[place : place + 1].float())
        for place, axis in enumerate("xyz")
    ]
    samples.append(Sample(name="points per scene", unit="", values=torch.tensor([float(len(scene))])))
    for name, unit, values in (
        ("colour", "", scene.color),
        ("intensity", "", scene.intensity),
        ("time before the keyframe", "s", scene.time),
    ):
        if values is not None:
            samples.append(Sample(name=name, unit=unit, values=_thinned(values)))
    depths = [_thinned(view.depth[view.depth > 0], _SAMPLE // len(views)) for view in views]
    if any(len(depth) for depth in depths):
        samples.append(Sample(name="depth of views", unit="m", values=torch.cat(depths)))
        shares = torch.stack([100.0 * (view.depth > 0).float().mean() for view in views])
        samples.append(Sample(name="pixels with depth", unit="%", values=shares))
    return samples


def _thinned(values: Tensor, count: int = _SAMPLE) -> Float[Tensor, " values"]:
    """Return about ``count`` of the numbers, evenly spread."""
    flat = values.reshape(-1)
    return flat[:: max(1, len(flat) // max(count, 1))].float()


def _histogram(labels: Int[Tensor, " labels"] | None) -> Int[Tensor, " classes"]:
    if labels is None:
        return torch.zeros(0, dtype=torch.long)
    return torch.bincount(labels[labels >= 0].long())
