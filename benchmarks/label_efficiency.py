"""Does pre-training without labels help where labels are few? Procedural rooms.

For each seed: pre-train ``rooms-features`` (no labels), then train in four ways, each pair for the same number of
steps: ``rooms-semseg``, all weights, from scratch and from the pre-trained encoder, with the labels of two rooms; and
``rooms-probe``, a linear layer on all decoder stages of a random and of the pre-trained encoder, both frozen, with the
labels of 24 rooms (a linear layer on two alone learns which colours these two happen to have). Every run is judged on
the same sixteen rooms that no training has seen.

    uv run python benchmarks/label_efficiency.py --output runs/label-efficiency

Finished runs are found again, so an interrupted benchmark goes on where it stopped. ``ponder bench indoor`` compares
every task, also on real scans, in fewer steps; this one adds the probes.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ponder_cli.memory import prepare_memory

if TYPE_CHECKING:  # memory is prepared before torch is imported
    from ponder_tasks.bench.suite import Comparison, Suite


def label_suite(pretrain_changes: list[str], labelled_changes: list[str]) -> "Suite":
    """Return what is compared, with ``key=value`` changes of the recipes."""
    from ponder_tasks.bench.indoor import PRETRAIN_COST
    from ponder_tasks.bench.suite import Pretraining, Suite
    from ponder_tasks.overrides import apply_overrides
    from ponder_tasks.recipe import PretrainRecipe
    from ponder_tasks.recipes import get_recipe

    pretrain = apply_overrides(get_recipe("rooms-features"), pretrain_changes)
    assert isinstance(pretrain, PretrainRecipe)
    return Suite(
        name="label-efficiency",
        title="Few labels: from scratch against pre-trained by rendering",
        notes=("Pre-training reads no label. All are judged on sixteen rooms that no training has seen.",),
        pretrainings=(
            Pretraining(name="pretrain", recipe=pretrain, cost=PRETRAIN_COST, title="Pre-trained on rooms"),
        ),
        comparisons=(
            labelled(
                "probe",
                "rooms-probe",
                "Linear probe of the frozen encoder, 24 labelled rooms",
                labelled_changes,
            ),
            labelled("finetune", "rooms-semseg", "Fine-tuned, 2 labelled rooms", labelled_changes),
        ),
    )


def labelled(name: str, recipe_name: str, title: str, changes: list[str]) -> "Comparison":
    """Return one comparison: a recipe from scratch and from pre-training."""
    from ponder_tasks.bench.indoor import SEGMENT_COST
    from ponder_tasks.bench.suite import Comparison
    from ponder_tasks.overrides import apply_overrides
    from ponder_tasks.recipe import SegmentRecipe
    from ponder_tasks.recipes import get_recipe

    recipe = apply_overrides(get_recipe(recipe_name), changes)
    assert isinstance(recipe, SegmentRecipe)
    return Comparison(
        name=name,
        title=title,
        task=name,
        recipe=recipe,
        pretraining="pretrain",
        measure="miou",
        cost=SEGMENT_COST,
    )


def main() -> None:
    """Run all of it and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("runs/label-efficiency"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=2, help="runs at once, each with one thread")
    parser.add_argument("--pretrain-set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--finetune-set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    prepare_memory()
    from ponder_cli.watching import watching
    from ponder_tasks.bench.bench import run_bench
    from ponder_tasks.bench.plan import plan_of_share
    from ponder_tasks.bench.running import BenchStopped

    suite = label_suite(options.pretrain_set, options.finetune_set)
    plan = plan_of_share(suite, 1.0, options.seeds, options.at_once)
    try:
        end = run_bench(
            plan,
            options.output,
            command=" ".join(sys.argv),
            listening=watching,
            tell=lambda line: print(line, flush=True),
            prepare=prepare_memory,
        )
    except BenchStopped as stop:
        raise SystemExit(f"{stop}; the same command goes on from here") from stop
    print(end.table.read_text(encoding="utf-8"))
    print(f"page: {end.page}")


if __name__ == "__main__":
    main()
