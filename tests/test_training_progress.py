"""Settings that follow the progress of the training reach the renderer."""

import json
from pathlib import Path

import pytest
from ponder_tasks.listener import SilentListener
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.pretrain.task import run_pretraining
from ponder_tasks.recipe import PretrainRecipe
from ponder_tasks.recipes import get_recipe
from tiny import TINY_PRETRAIN


def color_losses(path: Path, annealing: float) -> list[float]:
    """Return the colour losses of a run that learns nothing, so that only the annealing tells runs apart."""
    keys = [
        *TINY_PRETRAIN,
        "trainer.steps=4",
        "optimizer.learning_rate=1e-12",
        "optimizer.vector_learning_rate=1e-12",
        "renderer.density.form=midpoint",
        f"renderer.density.annealing={annealing}",
    ]
    recipe = apply_overrides(get_recipe("rooms"), keys)
    assert isinstance(recipe, PretrainRecipe)
    run_pretraining(recipe, path, command="test", listener=SilentListener())
    records = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    return [record["losses"]["color"] for record in records if record["kind"] == "train"]


def test_annealing_ends_where_the_recipe_says(tmp_path: Path) -> None:
    plain = color_losses(tmp_path / "plain", annealing=0.0)
    annealed = color_losses(tmp_path / "annealed", annealing=0.5)
    assert all(abs(one - other) > 1e-5 for one, other in zip(plain[:2], annealed[:2], strict=True))
    # Not equal to the bit: even this learning rate moves biases that start at zero.
    assert plain[2:] == pytest.approx(annealed[2:], abs=2e-6)
