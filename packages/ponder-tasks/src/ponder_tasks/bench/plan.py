"""The plan: which runs there are, in which order, with how many steps and seeds, so that they fit a budget."""

from dataclasses import dataclass
from typing import Literal, TypeVar

from ponder_tasks.bench.schedule import time_of
from ponder_tasks.bench.suite import Ablation, Comparison, Pretraining, Suite
from ponder_tasks.recipe import FinetuneRecipe, PretrainingRecipe

Arm = Literal["scratch", "pretrained"]
ARMS: tuple[Arm, Arm] = ("scratch", "pretrained")

SEEDS = 3
LEAST_SHARE = 0.25
"""Rather than take a smaller share than this of the recipes' steps, a plan has fewer seeds."""

LEAST_STEPS = 2

TrainedRecipe = TypeVar("TrainedRecipe", bound=PretrainingRecipe | FinetuneRecipe)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRun:
    """One run: its folder's name, its recipe, and the run whose encoder it starts from, if any."""

    name: str
    recipe: PretrainingRecipe | FinetuneRecipe
    follows: str | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All runs in order: those that others follow come before them.

    Attributes:
        suite: what is compared.
        seeds: how often each run is repeated.
        share: of the recipes' own steps.
        at_once: how many runs are at work at once, each on a core of its own.
        runs: seed by seed, so that a plan that is stopped has compared everything with the first; then what is shown,
            and the ablations.
    """

    suite: Suite
    seeds: int
    share: float
    at_once: int
    runs: tuple[PlannedRun, ...]

    @property
    def seconds(self) -> float:
        """The estimate on as many quiet cores as there are runs at once."""
        return time_of(self.runs, self.at_once)


def make_plan(suite: Suite, *, budget: float, seeds: int | None = None, at_once: int = 1) -> Plan:
    """Return the plan of ``suite`` that takes at most ``budget`` seconds by its estimate.

    All runs take the same share of their recipes' steps, at most all of them. Without ``seeds`` there are 3, or fewer
    where otherwise that share would be less than 0.25.

    Raises:
        ValueError: when not even the least fits.
    """
    if seeds is not None and seeds < 1:
        raise ValueError(f"--seeds {seeds}: at least 1 is needed")
    if at_once < 1:
        raise ValueError(f"--at-once {at_once}: at least 1 is needed")
    for count in range(SEEDS, 0, -1) if seeds is None else (seeds,):
        share = _largest_share(suite, budget, count, at_once)
        if share >= LEAST_SHARE or (share > 0 and (seeds is not None or count == 1)):
            return plan_of_share(suite, share, count, at_once)
    least = plan_of_share(suite, 0.0, seeds or 1, at_once).seconds
    raise ValueError(
        f"a budget of {budget / 60:.1f} min is too small: making the data and measuring alone take about "
        f"{least / 60:.1f} min; give more, fewer --seeds, or some tasks with --only"
    )


def plan_of_share(suite: Suite, share: float, seeds: int, at_once: int = 1) -> Plan:
    """Return the plan in which every run takes ``share`` of the steps of its recipe, rounded, but at least two."""
    runs = []
    for seed in range(seeds):
        runs += [_pretraining_run(pretraining, share, seed) for pretraining in suite.pretrainings]
        runs += [_task_run(comparison, arm, share, seed) for comparison in suite.comparisons for arm in ARMS]
    runs += [_pretraining_run(pretraining, share, 0) for pretraining in suite.shown]
    for ablation in suite.ablations:
        runs += _ablation_runs(ablation, share)
    once = {run.name: run for run in reversed(runs)}  # of equal names the first stays
    first = tuple(run for run in runs if once[run.name] is run)
    return Plan(suite=suite, seeds=seeds, share=share, at_once=at_once, runs=first)


def run_name(comparison: Comparison, arm: Arm, seed: int) -> str:
    """Return the name of a run's folder."""
    return f"{comparison.name}-{arm}-{seed}"


def variant_run(comparison: Comparison, pretraining: Pretraining | None) -> str:
    """Return the name of the run of an ablation's task after ``pretraining``: one of the comparison's own, if so."""
    if pretraining is None:
        return run_name(comparison, "scratch", 0)
    if pretraining.name == comparison.pretraining:
        return run_name(comparison, "pretrained", 0)
    return f"{comparison.name}-after-{pretraining.name}-0"


def pretraining_run(pretraining: Pretraining, seed: int) -> str:
    """Return the name of a pre-training's folder."""
    return f"{pretraining.name}-{seed}"


def prepared(recipe: TrainedRecipe, share: float, seed: int) -> TrainedRecipe:
    """Return ``recipe`` with its share of steps and its seed, on the CPU, where all numbers are the same again."""
    steps = max(LEAST_STEPS, round(share * recipe.trainer.steps))
    trainer = recipe.trainer.model_copy(update={"steps": steps, "seed": seed, "accelerator": "cpu"})
    return recipe.model_copy(update={"trainer": trainer})


def _pretraining_run(pretraining: Pretraining, share: float, seed: int) -> PlannedRun:
    recipe = prepared(pretraining.recipe, share, seed)
    return PlannedRun(
        name=pretraining_run(pretraining, seed),
        recipe=recipe,
        follows=None,
        seconds=pretraining.cost.seconds(recipe.trainer.steps),
    )


def _task_run(comparison: Comparison, arm: Arm, share: float, seed: int) -> PlannedRun:
    follows = f"{comparison.pretraining}-{seed}" if arm == "pretrained" else None
    return _run_of_task(comparison, run_name(comparison, arm, seed), follows, share, seed)


def _ablation_runs(ablation: Ablation, share: float) -> list[PlannedRun]:
    """Return the pre-trainings of an ablation, each followed by its task."""
    runs = []
    for variant in ablation.variants:
        follows = None
        if variant.pretraining is not None:
            runs.append(_pretraining_run(variant.pretraining, share, 0))
            follows = runs[-1].name
        name = variant_run(ablation.comparison, variant.pretraining)
        runs.append(_run_of_task(ablation.comparison, name, follows, share, 0))
    return runs


def _run_of_task(
    comparison: Comparison, name: str, follows: str | None, share: float, seed: int
) -> PlannedRun:
    recipe = prepared(comparison.recipe, share, seed)
    seconds = comparison.cost.seconds(recipe.trainer.steps)
    return PlannedRun(name=name, recipe=recipe, follows=follows, seconds=seconds)


def _largest_share(suite: Suite, budget: float, seeds: int, at_once: int) -> float:
    """Return the largest share of steps, in hundredths and at most 1, that fits; 0 where none does."""
    fits, most = 0, 100  # hundredths; more steps never take less time, so halving finds it
    while fits < most:
        middle = (fits + most + 1) // 2
        if plan_of_share(suite, middle / 100, seeds, at_once).seconds <= budget:
            fits = middle
        else:
            most = middle - 1
    return fits / 100
