"""Does pre-training without labels help where labels are few? Procedural rooms.

For each seed: pre-train ``rooms-features`` (no labels), then train in four ways, each pair for the same number of
steps: ``rooms-semseg``, all weights, from scratch and from the pre-trained encoder, with the labels of two rooms; and
``rooms-probe``, a linear layer on a random and on the pre-trained encoder, both frozen, with the labels of 24 rooms (a
linear layer on two alone learns which colours these two happen to have). Every run is judged on the same sixteen rooms
that no training has seen.

    uv run python benchmarks/label_efficiency.py --output runs/label-efficiency

Finished runs are found again, so an interrupted benchmark goes on where it stopped. ``ponder bench indoor`` compares
every task, also on real scans; this one adds the probes.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ponder_cli.memory import prepare_memory

if TYPE_CHECKING:  # memory is prepared before torch is imported
    from ponder_tasks.listener import SilentListener
    from ponder_tasks.recipe import PretrainRecipe, SegmentRecipe

ARMS = (
    ("linear probe, random encoder", "scratch", True),
    ("linear probe, pre-trained encoder", "pretrained", True),
    ("fine-tuned from scratch", "scratch", False),
    ("fine-tuned from pre-training", "pretrained", False),
)


def pretrained_run(output: Path, seed: int, overrides: list[str]) -> Path:
    from ponder_tasks.overrides import apply_overrides
    from ponder_tasks.recipe import PretrainRecipe
    from ponder_tasks.recipes import get_recipe

    run = output / f"pretrain-{seed}"
    recipe = apply_overrides(get_recipe("rooms-features"), [f"trainer.seed={seed}", *overrides])
    assert isinstance(recipe, PretrainRecipe)
    finish(recipe, run)
    return run


def labelled_run(output: Path, seed: int, encoder: str, *, probe: bool, overrides: list[str]) -> float:
    from ponder_tasks.bench.running import closing_measurement
    from ponder_tasks.encoder_source import SCRATCH, with_encoder
    from ponder_tasks.overrides import apply_overrides
    from ponder_tasks.recipe import SegmentRecipe
    from ponder_tasks.recipes import get_recipe

    source = encoder if encoder == SCRATCH else str(output / f"pretrain-{seed}")
    run = output / f"{'probe' if probe else 'finetune'}-{encoder}-{seed}"
    recipe = get_recipe("rooms-probe" if probe else "rooms-semseg")
    assert isinstance(recipe, SegmentRecipe)
    finish(with_encoder(apply_overrides(recipe, [f"trainer.seed={seed}", *overrides]), source), run)
    return closing_measurement(run, "miou").value


def finish(recipe: "PretrainRecipe | SegmentRecipe", run: Path) -> None:
    from ponder_tasks.bench.running import BenchStopped, bring_to_end

    try:
        bring_to_end(recipe, run, command="benchmarks/label_efficiency.py", listening=silently)
    except BenchStopped as stop:
        raise SystemExit(f"{stop}; the same command goes on from here") from stop


@contextmanager
def silently() -> "Iterator[SilentListener]":
    from ponder_tasks.listener import SilentListener

    yield SilentListener()


def table(scores: dict[str, list[float]], seeds: int) -> str:
    lines = [
        f"| mIoU on 16 unseen rooms, % | mean of {seeds} seeds | lowest | highest |",
        "|---|---|---|---|",
    ]
    for name, values in scores.items():
        lines.append(f"| {name} | {statistics.mean(values):.1f} | {min(values):.1f} | {max(values):.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=Path("runs/label-efficiency"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pretrain-set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--finetune-set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    prepare_memory()
    scores: dict[str, list[float]] = {name: [] for name, _, _ in ARMS}
    for seed in range(options.seeds):
        started = time.monotonic()
        pretrained_run(options.output, seed, options.pretrain_set)
        print(f"seed {seed}: pre-trained ({time.monotonic() - started:.0f} s)", flush=True)
        for name, encoder, probe in ARMS:
            started = time.monotonic()
            score = labelled_run(options.output, seed, encoder, probe=probe, overrides=options.finetune_set)
            scores[name].append(score)
            print(f"seed {seed}: {name}: mIoU {score:.1f} % ({time.monotonic() - started:.0f} s)", flush=True)
    print(table(scores, options.seeds))
    (options.output / "table.md").write_text(table(scores, options.seeds) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
