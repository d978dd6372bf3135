"""What a benchmark compares: encoders learned without labels, and tasks learned from scratch and on top of them.

Beside that it may vary the pre-training itself (ablations), and show pictures that a pre-trained model renders.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ponder_tasks.bench.cost import Cost
from ponder_tasks.recipe import FinetuneRecipe, PretrainingRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretraining:
    """An encoder that is learned without labels, by a name that comparisons call it by.

    Attributes:
        name: of its runs, e.g. ``pretrain-rooms``.
        title: over the pictures that its first run renders; empty: the page shows none.
    """

    name: str
    recipe: PretrainingRecipe
    cost: Cost
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A task that is learned twice in equally many steps: from scratch, and from the encoder of ``pretraining``.

    Attributes:
        name: of its runs, e.g. ``rooms-segmentation``.
        title: in words, with how much is labelled.
        task: what ``--only`` chooses by, e.g. ``segmentation``.
        pretraining: name of the pre-training.
        measure: the measurement that is compared.
        further: others that are compared beside it.
    """

    name: str
    title: str
    task: str
    recipe: FinetuneRecipe
    pretraining: str
    measure: str
    cost: Cost
    further: tuple[str, ...] = ()

    @property
    def measures(self) -> tuple[str, ...]:
        """Everything that is compared."""
        return (self.measure, *self.further)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to pre-train, by a label; None: not at all."""

    label: str
    pretraining: Pretraining | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """The task of ``comparison`` after each of several ways to pre-train, with the first seed only.

    Attributes:
        name: what ``--only`` may choose it by.
        title: what is varied.
        variants: those that are one and the same run as one of the comparison are not made twice.
    """

    name: str
    title: str
    comparison: Comparison
    variants: tuple[Variant, ...]


ABLATIONS = "ablations"
"""What ``--only`` chooses all ablations by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A benchmark.

    Attributes:
        name: what ``ponder bench`` calls it.
        title, notes: what its page says first.
        pretrainings, comparisons: what is run.
        ablations: what is run after that, once.
        shown: what is pre-trained once, for its pictures alone.
    """

    name: str
    title: str
    notes: tuple[str, ...]
    pretrainings: tuple[Pretraining, ...]
    comparisons: tuple[Comparison, ...]
    ablations: tuple[Ablation, ...] = ()
    shown: tuple[Pretraining, ...] = ()

    def only(self, tasks: Sequence[str]) -> "Suite":
        """Return the comparisons of ``tasks`` (or called so), and the pre-trainings they need; all where none is named.

        Ablations are a task of their own, which brings what it needs. What is only shown is left out.

        Raises:
            ValueError: when there is none of a task.
        """
        if not tasks:
            return self
        known = sorted(
            {one.task for one in self.comparisons}
            | {one.name for one in (*self.comparisons, *self.ablations)}
            | ({ABLATIONS} if self.ablations else set())
        )
        unknown = [task for task in tasks if task not in known]
        if unknown:
            raise ValueError(
                f"--only {unknown[0]}: the benchmark {self.name} has no such task here; it has {', '.join(known)}"
            )
        kept = tuple(one for one in self.comparisons if one.task in tasks or one.name in tasks)
        needed = {one.pretraining for one in kept}
        return replace(
            self,
            comparisons=kept,
            pretrainings=tuple(one for one in self.pretrainings if one.name in needed),
            ablations=tuple(one for one in self.ablations if ABLATIONS in tasks or one.name in tasks),
            shown=(),
        )
