"""The sequence of training batches: a pure function of the seed and the step, so that a run can be resumed anywhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from ponder_data import Batch, Mixture, Sample, SampleConfig, Scenes, Visits, collate, prepare_sample
from torch.utils.data import Dataset

from ponder_tasks.broken_scenes import BrokenScene
from ponder_tasks.scene_order import epoch_length, scene_order, seeded_generator, visiting_order

__all__ = ["BatchSequence", "PreparedSample", "scene_order", "seeded_generator"]

ATTEMPTS = 8
"""So many scenes in a row that cannot be used are no accident: the settings are wrong, not the files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedSample:
    """The sample at a position, and the scenes that it should have come from but that are broken."""

    sample: Sample
    broken: tuple[BrokenScene, ...]


class BatchSequence(Dataset[Batch]):
    """``sequence[step]`` is the batch of that step, whatever was asked before.

    Every epoch visits every scene once in a new order; those of a mixture, as often as it says. The augmentation, mask
    and rays of the sample at a position are drawn from a generator of their own, so neither workers nor the batch size
    change a sample. With several processes, process ``rank`` of ``world_size`` takes its share of each step's
    positions. In place of a broken scene comes another one of the same dataset, always the same.
    """

    def __init__(
        self,
        scenes: Scenes,
        sample: SampleConfig,
        *,
        batch_size: int,
        steps: int,
        seed: int,
        rays: bool,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.scenes = scenes
        self.sample = sample
        self.batch_size = batch_size
        self.steps = steps
        self.seed = seed
        self.rays = rays
        self.rank = rank
        self.world_size = world_size
        self.visits = (
            scenes.visits
            if isinstance(scenes, Mixture)
            else (Visits(scenes=len(scenes), per_epoch=len(scenes)),)
        )
        self._broken: dict[int, BrokenScene] = {}

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Batch:
        return collate([self.prepare(position).sample for position in self.positions(step)])

    def positions(self, step: int) -> range:
        """Return the positions whose samples make the batch of ``step``."""
        first = (step * self.world_size + self.rank) * self.batch_size
        return range(first, first + self.batch_size)

    def scene_at(self, position: int) -> int:
        """Return the index of the scene that stands at ``position``."""
        epoch, place = divmod(position, epoch_length(self.visits))
        return int(visiting_order(self.seed, epoch, self.visits)[place])

    def prepare(self, position: int) -> PreparedSample:
        """Return the sample at ``position``, without pictures: their rays are drawn.

        Raises:
            ValueError: when no scene can be used, with the reason of the first.
        """
        planned = self.scene_at(position)
        index, broken = planned, []
        for attempt in range(1, ATTEMPTS + 1):
            found = self._sample(index, position)
            if isinstance(found, Sample):
                scene = replace(found.scene, views=(), held_out_views=())
                return PreparedSample(sample=replace(found, scene=scene), broken=tuple(broken))
            broken.append(found)
            index = self._replacement(planned, position, attempt)
        raise ValueError(f"{broken[0].reason} ({broken[0].name}; {ATTEMPTS} tries found no scene to use)")

    def _sample(self, index: int, position: int) -> Sample | BrokenScene:
        if index in self._broken:  # read once, not in every epoch
            return self._broken[index]
        try:
            with _one_thread():
                generator = seeded_generator(self.seed, 1, position)
                return prepare_sample(self.scenes[index], self.sample, generator, rays=self.rays)
        except (ValueError, OSError, EOFError) as error:
            self._broken[index] = BrokenScene(
                index=index, name=self._name(index), reason=" ".join(str(error).split())
            )
            return self._broken[index]

    def _replacement(self, planned: int, position: int, attempt: int) -> int:
        first = 0
        for visit in self.visits:
            if planned < first + visit.scenes:
                generator = seeded_generator(self.seed, 4, position, attempt)
                return first + int(torch.randint(visit.scenes, (), generator=generator))
            first += visit.scenes
        raise AssertionError(f"scene {planned} is in none of {self.visits}")

    def _name(self, index: int) -> str:
        if isinstance(self.scenes, Mixture):
            part, index = self.scenes.place(index)
            return f"scene {index} of {self.scenes.parts[part].scenes.name}"
        return f"scene {index} of {self.scenes.name}"


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread, as workers do: more may add up in another order, and so round otherwise."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
