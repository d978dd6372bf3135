"""Two processes that train one model, as two GPUs would: they learn what one learns, and stop together."""

import json
import signal
from pathlib import Path

import pytest
import yaml
from ponder_data import SyntheticRoomsConfig
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.recipe import PretrainRecipe
from ponder_tasks.recipes import get_recipe
from ponder_tasks.scene_config import MixPartConfig, MixtureConfig
from started import start, stop_after_step, totals
from tiny import TINY_PRETRAIN, TINY_SEGMENT, set_options

TWO = ("trainer.devices=2", "trainer.accelerator=cpu", "trainer.batch_size=1")


def test_two_processes_learn_what_one_learns_from_their_batches_in_turn(ponder, tmp_path):
    # Renormalised norms read their running statistics, and of these each process has its own batches'.
    settings = set_options((*TINY_SEGMENT, "encoder.renormalise=false"))
    words = ("finetune", "rooms-semseg", "--encoder", "scratch", "--steps", "4", *settings)
    two = ponder(*words, "--name", "two", *set_options(TWO))
    assert two.returncode == 0, two.stderr
    assert two.stderr.count("segment rooms-semseg: 4 steps") == 1, "one of the two speaks"
    assert "2 x cpu" in two.stderr
    assert two.stdout.count("miou") == 1
    turns = ("trainer.accumulate=2", "trainer.batch_size=1")
    one = ponder(*words, "--name", "one", *set_options(turns))
    assert one.returncode == 0, one.stderr
    expected, found = (totals(tmp_path / "runs" / name) for name in ("one", "two"))
    assert list(found) == [1, 2, 3, 4]
    # The losses are means over both processes. Rounding differs, and Muon amplifies it.
    assert found == pytest.approx(expected, rel=1e-3)
    assert found[4] != pytest.approx(found[1], rel=1e-3), "it learns"


def two_datasets() -> PretrainRecipe:
    """A recipe with norms for each of two datasets: a process that has one scene leaves those of the other alone."""
    recipe = apply_overrides(get_recipe("rooms"), [*TINY_PRETRAIN, *TWO, "trainer.checkpoint_every=2"])
    assert isinstance(recipe, PretrainRecipe)
    assert isinstance(recipe.train_data, SyntheticRoomsConfig)
    second = recipe.train_data.model_copy(update={"first": 500})
    parts = (
        MixPartConfig(data=recipe.train_data, condition="first"),
        MixPartConfig(data=second, condition="second"),
    )
    validation = MixtureConfig.model_validate({"parts": [{"data": recipe.val_data, "condition": "first"}]})
    changes = {
        "train_data": MixtureConfig(parts=parts),
        "val_data": validation,
        "encoder": recipe.encoder.model_copy(update={"conditions": ("first", "second")}),
    }
    return recipe.model_copy(update=changes)


def test_both_stop_at_the_same_step_and_go_on_from_there(ponder, tmp_path: Path):
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(two_datasets().model_dump(mode="json")))
    words = ("pretrain", "--recipe-file", "two.yaml", "--name", "two", "--steps", "8")
    process = start(tmp_path, *words)
    _, stderr = stop_after_step(process, tmp_path / "runs" / "two", 2, signal.SIGINT)
    assert process.returncode == 130, stderr
    assert stderr.count("--resume runs/two") == 1
    saved = max(totals(tmp_path / "runs" / "two"))
    assert (tmp_path / "runs" / "two" / "checkpoints" / f"step-{saved:06d}").is_dir()
    resumed = ponder("pretrain", "--resume", "runs/two")
    assert resumed.returncode == 0, resumed.stderr
    records = [json.loads(line) for line in (tmp_path / "runs/two/metrics.jsonl").read_text().splitlines()]
    assert [r["step"] for r in records if r["kind"] == "train"] == list(range(1, 9))
