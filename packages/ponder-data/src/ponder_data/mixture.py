"""A mixture: several datasets as one, each seen as often as its ratio says, with one list of classes for all.

The published multi-dataset training repeats each dataset ``loop`` times per epoch. Here a loop may also be a fraction,
or ratios may be given as weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Int
from torch import Tensor

from ponder_data.labels.synonyms import same_meaning
from ponder_data.scene import IGNORE_LABEL, Scene, View
from ponder_data.scenes import Scenes


@dataclass(frozen=True, slots=True)
class Visits:
    """Of the ``scenes`` of a dataset, an epoch visits ``per_epoch``; more than there are, if it visits some again."""

    scenes: int
    per_epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MixPart:
    """One dataset of a mixture.

    Attributes:
        scenes: the dataset.
        loop: how often an epoch visits each of its scenes; 0.5 visits half of them in one epoch, the rest in the next.
        weight: instead, its share of the visits is proportional to this. Give it to all parts, or to none.
        condition: whose norms an encoder that has some for each of several datasets takes; None: those of the
            dataset's own name.
    """

    scenes: Scenes
    loop: int | float = 1.0
    weight: int | float | None = None
    condition: str | None = None


class Mixture:
    """The scenes of several datasets, one dataset after the other; each scene is there once.

    How often each is visited, and in what order, is for the loader: ``visits`` tells the counts. Labels of points and
    pixels become those of ``class_names``; boxes keep the labels of their dataset.

    Args:
        parts: at least one.
        class_names: the classes to train on. A class of a dataset goes to the one of its name, or of a synonym of it
            (:data:`ponder_data.labels.SYNONYMS`), or is ignored. Without, all classes of all datasets, those of one
            meaning together.

    Raises:
        ValueError: when there is no part, an empty one, a loop or weight that is not positive, or only some have
            weights.
    """

    def __init__(self, parts: Sequence[MixPart], class_names: tuple[str, ...] | None = None) -> None:
        _check(parts)
        self.parts = tuple(parts)
        names = [part.scenes.class_names for part in parts]
        self.class_names = merged_classes(names) if class_names is None else class_names
        self.class_maps = tuple(class_map(own, self.class_names) for own in names)
        self.visits = _visits(parts)

    @property
    def name(self) -> str:
        """The names of the datasets, joined."""
        return "+".join(part.scenes.name for part in self.parts)

    @property
    def conditions(self) -> tuple[str, ...]:
        """The condition of each dataset."""
        return tuple(part.condition or part.scenes.name for part in self.parts)

    def known_classes(self, part: int) -> tuple[int, ...]:
        """Return the classes that a dataset labels: among no others can its points be told apart."""
        return tuple(sorted({label for label in self.class_maps[part] if label != IGNORE_LABEL}))

    def __len__(self) -> int:
        return sum(visit.scenes for visit in self.visits)

    def place(self, index: int) -> tuple[int, int]:
        """Return which dataset scene ``index`` belongs to, and its number there.

        Raises:
            IndexError: when there is no such scene.
        """
        number = index
        for part, visit in enumerate(self.visits):
            if 0 <= number < visit.scenes:
                return part, number
            number -= visit.scenes
        raise IndexError(f"scene {index} of {len(self)}: valid indices are 0 to {len(self) - 1}")

    def __getitem__(self, index: int) -> Scene:
        part, number = self.place(index)
        scene = self.parts[part].scenes[number]
        return replace(
            relabelled(scene, self.class_maps[part], self.class_names), condition=self.conditions[part]
        )


def merged_classes(names: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the classes of several sets as one: in order, a class under a name or synonym of an earlier set only once.

    Classes of the same set are never put together, whatever they are called.
    """
    merged: list[str] = []
    for own in names:
        merged += [name for name, known in zip(own, class_map(own, tuple(merged)), strict=True) if known < 0]
    return tuple(merged)


def class_map(own: tuple[str, ...], target: tuple[str, ...]) -> tuple[int, ...]:
    """Return, for each class of ``own``, the class of ``target`` with its name or else a synonym; -1 without one.

    A synonym that ``own`` itself tells apart from the class does not count.
    """
    place = {name: label for label, name in enumerate(target)}

    def counterpart(name: str) -> int:
        others = [other for other in same_meaning(name) if other == name or other not in own]
        return next((place[other] for other in others if other in place), IGNORE_LABEL)

    return tuple(counterpart(name) for name in own)


def relabelled(scene: Scene, labels: tuple[int, ...], class_names: tuple[str, ...]) -> Scene:
    """Return ``scene`` with class ``c`` of its points and pixels become ``labels[c]``; -1 stays -1.

    Raises:
        ValueError: when a label is out of range.
    """
    if labels == tuple(range(len(labels))):
        return replace(scene, class_names=class_names)
    table = torch.tensor((*labels, IGNORE_LABEL))  # -1, the last row, is "ignore"

    def mapped(values: Int[Tensor, "*shape"] | None) -> Int[Tensor, "*shape"] | None:
        if values is None:
            return None
        beyond = values[(values < IGNORE_LABEL) | (values >= len(labels))]
        if len(beyond):
            raise ValueError(
                f"scene {scene.name!r} has the label {int(beyond[0])}, but its dataset has {len(labels)} classes; "
                "labels are 0 to one less than that, or -1"
            )
        return table[values.long()]

    def picture(view: View) -> View:
        return replace(view, semantic=mapped(view.semantic))

    return replace(
        scene,
        semantic=mapped(scene.semantic),
        views=tuple(picture(view) for view in scene.views),
        held_out_views=tuple(picture(view) for view in scene.held_out_views),
        class_names=class_names,
    )


def _visits(parts: Sequence[MixPart]) -> tuple[Visits, ...]:
    """Return how often an epoch visits each part; with weights, an epoch is as long as all scenes together."""
    sizes = [len(part.scenes) for part in parts]
    loops = [part.loop for part in parts]
    weights = [part.weight for part in parts if part.weight is not None]
    if weights:
        loops = [
            weight / sum(weights) * sum(sizes) / size for weight, size in zip(weights, sizes, strict=True)
        ]
    return tuple(Visits(size, max(1, round(loop * size))) for loop, size in zip(loops, sizes, strict=True))


def _check(parts: Sequence[MixPart]) -> None:
    if not parts:
        raise ValueError("Mixture: got no datasets; give at least one")
    for part in parts:
        name = part.scenes.name
        if len(part.scenes) == 0:
            raise ValueError(f"Mixture: the dataset {name} has no scenes; leave it out")
        if part.loop <= 0 or (part.weight is not None and part.weight <= 0):
            raise ValueError(
                f"Mixture: {name} has loop {part.loop} and weight {part.weight}; both must be above 0, "
                "and a dataset that is not wanted is left out"
            )
    weighted = [part.scenes.name for part in parts if part.weight is not None]
    if weighted and len(weighted) < len(parts):
        raise ValueError(
            f"Mixture: only {', '.join(weighted)} of {len(parts)} datasets have a weight; "
            "give all of them one, or use loop"
        )
