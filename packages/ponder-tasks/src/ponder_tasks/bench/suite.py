"""What a benchmark compares: encoders learned without labels, and tasks learned from scratch and on top of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ponder_tasks.bench.cost import Cost
from ponder_tasks.recipe import FinetuneRecipe, PretrainRecipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Pretraining:
    """An encoder that is learned without labels, by a name that comparisons call it by."""

    name: str
    recipe: PretrainRecipe
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A task that is learned twice in equally many steps: from scratch, and from the encoder of ``pretraining``.

    Attributes:
        name: of its runs, e.g. ``rooms-segmentation``.
        title: in words, with how much is labelled.
        task: what ``--only`` chooses by, e.g. ``segmentation``.
        pretraining: name of the pre-training.
        measure: the measurement that is compared.
    """

    name: str
    title: str
    task: str
    recipe: FinetuneRecipe
    pretraining: str
    measure: str
    cost: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A benchmark.

    Attributes:
        name: what ``ponder bench`` calls it.
        title, notes: what its page says first.
        pretrainings, comparisons: what is run.
    """

    name: str
    title: str
    notes: tuple[str, ...]
    pretrainings: tuple[Pretraining, ...]
    comparisons: tuple[Comparison, ...]

    def only(self, tasks: Sequence[str]) -> "Suite":
        """Return the comparisons of ``tasks`` (or called so), and the pre-trainings they need; all where none is named.

        Raises:
            ValueError: when there is none of a task.
        """
        if not tasks:
            return self
        known = sorted({one.task for one in self.comparisons} | {one.name for one in self.comparisons})
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
        )
