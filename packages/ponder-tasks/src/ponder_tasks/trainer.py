"""The training loop: the only one, for every task.

A task brings a model whose ``forward(batch, generator, progress)`` returns ``Losses``, the sequence of its batches, and
a validation. Everything random in a step comes from generators seeded by the step, so a resumed run takes the very
same steps as one that was never stopped.
"""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer
from ponder_render import Losses, LossTerm
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

from ponder_tasks.batches import StepSequence, TrainingBatch
from ponder_tasks.broken_scenes import BrokenScenes
from ponder_tasks.checkpoint import latest_checkpoint, load_training_state, save_checkpoint
from ponder_tasks.devices import check_device, move
from ponder_tasks.graceful_stop import GracefulStop
from ponder_tasks.journal import Journal
from ponder_tasks.listener import (
    Measurement,
    StepReport,
    TrainingEnd,
    TrainingListener,
    TrainingStart,
    Validation,
)
from ponder_tasks.loading import BatchLoader, worker_count
from ponder_tasks.optimizer import build_optimizer, build_schedule
from ponder_tasks.processes import in_any_process, mean_over_processes, open_fabric
from ponder_tasks.recipe import TrainerConfig, TrainingRecipe
from ponder_tasks.run_folder import RunFolder
from ponder_tasks.scene_order import seeded_generator
from ponder_tasks.settling import settle_norms
from ponder_tasks.sole_writer import sole_writer


@runtime_checkable
class Task(Protocol):
    """What the trainer needs to know of a task."""

    @property
    def recipe(self) -> TrainingRecipe:
        """The complete recipe."""
        ...

    @property
    def model(self) -> nn.Module:
        """Its ``forward(batch, generator, progress)`` returns ``ponder_render.Losses``.

        ``progress`` is the share of the training that is done, in [0, 1).
        """
        ...

    def train_scenes(self) -> int:
        """Return the number of training scenes."""
        ...

    def val_scenes(self) -> int:
        """Return the number of validation scenes."""
        ...

    def backend(self) -> str:
        """Return the name of the sparse convolution backend in use."""
        ...

    def batches(self, rank: int, world_size: int) -> StepSequence:
        """Return the training batches of one process."""
        ...

    def validate(self) -> tuple[Measurement, ...]:
        """Measure the model on the validation scenes."""
        ...

    def report(self, folder: RunFolder, seconds: float) -> tuple[Measurement, ...]:
        """Measure the finished model, write ``report.html`` and return the closing measurements."""
        ...


class LossTuples(nn.Module):
    """A task's model whose losses come out as plain tuples of name, value and weight.

    Fabric looks for tensors in what a module returns and copies dataclasses on the way, which frozen ones do not allow.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, batch: TrainingBatch, generator: torch.Generator, progress: float
    ) -> tuple[tuple[str, Tensor, float], ...]:
        """Return the terms of the model's losses."""
        losses: Losses = self.model(batch, generator, progress)
        return tuple((term.name, term.value, term.weight) for term in losses.terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learner:
    """A model on its device with its optimiser and schedule."""

    fabric: Fabric
    model: _FabricModule
    optimizer: _FabricOptimizer
    schedule: LRScheduler
    config: TrainerConfig


def train(task: Task, path: Path, *, command: str, listener: TrainingListener, resume: bool) -> TrainingEnd:
    """Train ``task`` in the run folder ``path``, from the start or from its newest checkpoint.

    The folder is made only once the task's first batch was built, so bad input leaves nothing behind.

    Raises:
        ValueError: for bad input, a run folder that exists already (or, with ``resume``, does not), or that another
            process is at work in, or a loss that is not finite.
        ChildProcessError: when a process that prepares batches has died.
    """
    config = task.recipe.trainer
    check_device(config.accelerator)
    fabric = open_fabric(config)
    fabric.launch()
    learner = _learner(task, fabric)
    first = step = _restore(task, path, learner) if resume else 0
    with (
        _batches(task, learner, first, listener) as batches,
        _folder(task, path, learner, first, command=command, resume=resume) as folder,
    ):
        started = time.monotonic()
        if folder:
            listener.started(_start(task, fabric, path, first))
        with GracefulStop() as stop, Journal(folder, listener) as journal:
            learner.model.train()  # by the task's own train(), which may hold parts of it in evaluation mode
            stopped = in_any_process(fabric, stop.requested)
            while step < config.steps and not stopped:
                report = take_step(learner, batches, step)
                step += 1
                journal.step(report)
                if config.validate_every and step % config.validate_every == 0 and step < config.steps:
                    journal.validation(Validation(step=step, measurements=_validate(task, learner)))
                stopped = in_any_process(fabric, stop.requested)
                if folder and step < config.steps and (step % config.checkpoint_every == 0 or stopped):
                    _save(task, folder, learner, step)
            interrupted = step < config.steps
            measurements: tuple[Measurement, ...] = ()
            if not interrupted:
                settle_norms(learner.model, islice(batches, config.settling), fabric, config.seed)
            if folder and not interrupted:
                _save(task, folder, learner, step)
                measurements = _close(task, folder, learner, journal, step, time.monotonic() - started)
    fabric.barrier()
    end = TrainingEnd(
        run=path,
        step=step,
        seconds=time.monotonic() - started,
        measurements=measurements,
        interrupted=interrupted,
        report=folder.report_file if folder and not interrupted else None,
        rank=fabric.global_rank,
    )
    if folder:
        listener.ended(end)
    return end


def take_step(learner: Learner, batches: Iterator[TrainingBatch], step: int) -> StepReport:
    """Take one optimiser step: forward, losses, backward, clip, step.

    Raises:
        ValueError: naming the first loss term, or the gradient, that is not finite.
    """
    fabric, config, started = learner.fabric, learner.config, time.monotonic()
    points = rays = 0
    waited = 0.0
    taken: list[Losses] = []
    learner.optimizer.zero_grad(set_to_none=True)
    for part in range(config.accumulate):
        asked = time.monotonic()
        batch = move(next(batches), fabric.device)
        waited += time.monotonic() - asked
        generator = seeded_generator(config.seed, 2, step * config.accumulate + part, fabric.global_rank)
        with fabric.no_backward_sync(learner.model, enabled=part + 1 < config.accumulate):
            with torch.autocast(fabric.device.type, torch.bfloat16, enabled=config.precision == "bfloat16"):
                terms = learner.model(batch, generator, step / config.steps)
            losses = Losses(terms=tuple(LossTerm(name=n, value=v, weight=w) for n, v, w in terms))
            check_finite(losses, step)
            fabric.backward(losses.total / config.accumulate)
        taken.append(losses)
        points += batch.coord.shape[0]
        rays += len(batch.rays) if batch.rays else 0
    gradient_norm = _clip(learner, step)
    learning_rate = float(learner.schedule.get_last_lr()[0])
    learner.optimizer.step()
    learner.schedule.step()
    total, terms = mean_losses(fabric, taken)
    seconds = time.monotonic() - started
    return StepReport(
        step=step + 1,
        total=total,
        losses=terms,
        learning_rate=learning_rate,
        gradient_norm=gradient_norm,
        points_per_second=points * fabric.world_size / seconds,
        rays_per_second=rays * fabric.world_size / seconds,
        data_wait=waited / seconds,
    )


def mean_losses(fabric: Fabric, taken: Sequence[Losses]) -> tuple[float, tuple[tuple[str, float], ...]]:
    """Return the weighted total and each term's unweighted mean over the batches of a step, those of all processes."""
    named = [losses.named() for losses in taken]
    totals = [float(losses.total.detach()) for losses in taken]
    sums = [sum(totals), *(sum(values[name] for values in named) for name in named[0])]
    total, *means = mean_over_processes(fabric, [value / len(taken) for value in sums])
    return total, tuple(zip(named[0], means, strict=True))


def check_finite(losses: Losses, step: int) -> None:
    """Raise a ``ValueError`` that names the step and every loss term that is not finite."""
    try:
        losses.check_finite()
    except FloatingPointError as error:
        raise ValueError(
            f"step {step + 1}: {error}; the run can go on from its last checkpoint with --resume"
        ) from error


def _clip(learner: Learner, step: int) -> float:
    limit = learner.config.clip_gradient_norm or math.inf
    norm = learner.fabric.clip_gradients(
        learner.model, learner.optimizer, max_norm=limit, error_if_nonfinite=False
    )
    if norm is None or not torch.isfinite(norm):
        raise ValueError(
            f"step {step + 1}: the gradient's norm is {norm}, although every loss is finite; "
            "lower optimizer.learning_rate or set trainer.clip_gradient_norm"
        )
    return float(norm)


def _learner(task: Task, fabric: Fabric) -> Learner:
    optimizer = build_optimizer(task.model, task.recipe.optimizer)
    model, wrapped = fabric.setup(LossTuples(task.model), optimizer)
    schedule = build_schedule(optimizer, task.recipe.optimizer, task.recipe.trainer.steps)
    return Learner(
        fabric=fabric, model=model, optimizer=wrapped, schedule=schedule, config=task.recipe.trainer
    )


def _restore(task: Task, path: Path, learner: Learner) -> int:
    """Load the newest checkpoint of the run in ``path``; return the number of steps that were taken."""
    checkpoint = latest_checkpoint(RunFolder.open(path).checkpoints)
    optimizer = learner.optimizer.optimizer
    return load_training_state(checkpoint, model=task.model, optimizer=optimizer, schedule=learner.schedule)


def _loader(task: Task, learner: Learner, first: int, listener: TrainingListener) -> BatchLoader:
    """Return the batches from step ``first`` on, and after the last those that norms are settled on."""
    config, fabric = learner.config, learner.fabric
    sequence = task.batches(fabric.global_rank, fabric.world_size).lengthened(config.settling)
    first *= config.accumulate
    scenes, left = sequence.scene_count, len(sequence) - first
    workers = worker_count(
        config.workers, fabric.device, scenes=scenes, batches=left, processes=fabric.world_size
    )
    broken = BrokenScenes(scenes, config.broken_share, listener.said)
    return BatchLoader(sequence, first=first, workers=workers, broken=broken)


@contextmanager
def _batches(task: Task, learner: Learner, first: int, listener: TrainingListener) -> Iterator[BatchLoader]:
    """Give the loader, its first batch built: what is wrong with the data has shown before anything is written."""
    with _loader(task, learner, first, listener) as batches:
        batches.look_ahead()
        yield batches


@contextmanager
def _folder(
    task: Task, path: Path, learner: Learner, first: int, *, command: str, resume: bool
) -> Iterator[RunFolder | None]:
    """Give the run's folder, which nobody else writes in meanwhile; nothing to all processes but the first."""
    if learner.fabric.global_rank != 0:
        yield None
        return
    folder = RunFolder.open(path) if resume else RunFolder.create(path, task.recipe, command)
    with sole_writer(path):
        if resume:
            folder.forget_after(first)
        yield folder


def _start(task: Task, fabric: Fabric, path: Path, first: int) -> TrainingStart:
    return TrainingStart(
        run=path,
        recipe=task.recipe.name,
        task=task.recipe.task,
        first_step=first,
        steps=task.recipe.trainer.steps,
        device=f"{fabric.world_size} x {fabric.device.type}",
        backend=task.backend(),
        parameters=sum(p.numel() for p in task.model.parameters() if p.requires_grad),
        train_scenes=task.train_scenes(),
        val_scenes=task.val_scenes(),
    )


def _validate(task: Task, learner: Learner) -> tuple[Measurement, ...]:
    learner.model.eval()
    with torch.no_grad():
        measurements = task.validate()
    learner.model.train()
    return measurements


def _save(task: Task, folder: RunFolder, learner: Learner, step: int) -> None:
    save_checkpoint(
        folder.checkpoints,
        step=step,
        model=task.model,
        optimizer=learner.optimizer.optimizer,
        schedule=learner.schedule,
        recipe=task.recipe,
        keep=learner.config.keep_checkpoints,
    )


def _close(
    task: Task, folder: RunFolder, learner: Learner, journal: Journal, step: int, seconds: float
) -> tuple[Measurement, ...]:
    learner.model.eval()
    with torch.no_grad():
        measurements = task.report(folder, seconds)
    journal.validation(Validation(step=step, measurements=measurements))
    folder.write_summary(recipe=task.recipe, steps=step, seconds=seconds, measurements=measurements)
    return measurements
