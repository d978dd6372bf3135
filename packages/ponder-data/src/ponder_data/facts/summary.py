"""The figures of a folder, summed over the scenes that were read."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from ponder_data.facts.scene_facts import SceneFacts
from ponder_data.scene import ViewSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The values of a quantity: lowest, median and highest, in ``unit``."""

    name: str
    low: float
    median: float
    high: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """How often a class occurs: ``points``, ``boxes``, and ``scenes`` that have either."""

    name: str
    points: int
    boxes: int
    scenes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A folder in figures.

    Attributes:
        scenes: how many there are; ``read`` of them are summed up in what follows.
        splits: names of splits with how many of the scenes that were read belong to each.
        memory: bytes that the scenes take once read, on average; ``largest_memory`` of the largest.
        sources: where the views come from.
    """

    scenes: int
    read: int
    splits: tuple[tuple[str, int], ...]
    points: int
    labelled_points: int
    instances: int
    boxes: int
    views: int
    held_out_views: int
    memory: int
    largest_memory: int
    sources: tuple[ViewSource, ...]
    classes: tuple[ClassCount, ...]
    ranges: tuple[Range, ...]


def summarise(facts: Sequence[SceneFacts], class_names: Sequence[str], scenes: int) -> Summary:
    """Return the summary of ``facts``, which are of some of ``scenes`` scenes.

    Raises:
        ValueError: when there are no facts.
    """
    if not facts:
        raise ValueError("summarise: got the facts of no scene; read at least one")
    names = dict.fromkeys(split for scene in facts for split in scene.splits)
    return Summary(
        scenes=scenes,
        read=len(facts),
        splits=tuple((name, sum(name in scene.splits for scene in facts)) for name in names),
        points=sum(scene.points for scene in facts),
        labelled_points=sum(scene.labelled_points for scene in facts),
        instances=sum(scene.instances for scene in facts),
        boxes=sum(scene.boxes for scene in facts),
        views=sum(scene.views for scene in facts),
        held_out_views=sum(scene.held_out_views for scene in facts),
        memory=round(sum(scene.memory for scene in facts) / len(facts)),
        largest_memory=max(scene.memory for scene in facts),
        sources=tuple(dict.fromkeys(source for scene in facts for source in scene.sources)),
        classes=_classes(facts, class_names),
        ranges=_ranges(facts),
    )


def _classes(facts: Sequence[SceneFacts], class_names: Sequence[str]) -> tuple[ClassCount, ...]:
    """Return the named classes, and any other that occurs, by label; none where nothing is labelled."""
    shown = [len(counts) for scene in facts for counts in (scene.points_of_class, scene.boxes_of_class)]
    length = max([len(class_names), *shown])
    if max(shown) == 0:
        return ()
    return tuple(
        ClassCount(
            name=class_names[label] if label < len(class_names) else f"class {label}",
            points=sum(_at(scene.points_of_class, label) for scene in facts),
            boxes=sum(_at(scene.boxes_of_class, label) for scene in facts),
            scenes=sum(
                _at(scene.points_of_class, label) + _at(scene.boxes_of_class, label) > 0 for scene in facts
            ),
        )
        for label in range(length)
    )


def _at(counts: Int[Tensor, " classes"], label: int) -> int:
    return int(counts[label]) if label < len(counts) else 0


def _ranges(facts: Sequence[SceneFacts]) -> tuple[Range, ...]:
    """Return the range of each quantity over all scenes, each weighing as much as it has samples."""
    units = {sample.name: sample.unit for scene in facts for sample in scene.samples}
    found = []
    for name, unit in units.items():
        parts = [sample.values for scene in facts for sample in scene.samples if sample.name == name]
        values = torch.cat(parts)
        if len(values):
            low, high = torch.aminmax(values)
            found.append(
                Range(name=name, low=float(low), median=float(values.median()), high=float(high), unit=unit)
            )
    return tuple(found)
