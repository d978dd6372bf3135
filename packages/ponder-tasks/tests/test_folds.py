"""Runs of several folds measured together: one confusion matrix over the points of all of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from ponder_tasks import load
from ponder_tasks.evaluation import EvaluationOptions, evaluate_run
from ponder_tasks.finetuning import run_finetuning
from ponder_tasks.folds import evaluate_folds
from ponder_tasks.listener import SilentListener
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.prediction.predicted import PredictedClasses
from ponder_tasks.recipe import SegmentRecipe
from ponder_tasks.recipes.rooms_semseg import rooms_semseg
from ponder_tasks.scene_sources import open_scenes
from sklearn.metrics import jaccard_score
from tiny_bench import TINY

OPTIONS = EvaluationOptions()


def fold(path: Path, first: int) -> Path:
    """Train a little, to be judged by room ``first``."""
    recipe = apply_overrides(rooms_semseg(), [*TINY, f"val_data.first={first}", "trainer.steps=2"])
    assert isinstance(recipe, SegmentRecipe)
    run_finetuning(recipe, path, command="test", listener=SilentListener())
    return path


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("folds")
    return fold(folder / "one", 3), fold(folder / "two", 5)


def points_of(run: Path, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the true and the predicted class of every labelled point of the room that judges ``run``."""
    recipe = apply_overrides(rooms_semseg(), [*TINY, f"val_data.first={first}"])
    assert isinstance(recipe, SegmentRecipe)
    predicted = load(run).predict(open_scenes(recipe.val_data)[0])
    assert isinstance(predicted, PredictedClasses)
    truth = predicted.scene.semantic
    assert truth is not None
    labelled = (truth >= 0).numpy()
    return truth.numpy()[labelled], predicted.semantic.numpy()[labelled]


def test_all_points_count_together_and_not_the_mean_of_figures(folds: tuple[Path, Path]) -> None:
    one, two = points_of(folds[0], 3), points_of(folds[1], 5)
    truth, predicted = np.concatenate([one[0], two[0]]), np.concatenate([one[1], two[1]])
    together = evaluate_folds(folds, OPTIONS)
    expected = 100 * jaccard_score(truth, predicted, average="macro", labels=np.union1d(truth, predicted))
    figures = {measurement.name: measurement.value for measurement in together.measurements}
    assert figures["miou"] == pytest.approx(expected)
    assert figures["allacc"] == pytest.approx(100 * np.mean(truth == predicted))
    alone = [evaluate_run(run) for run in folds]
    assert [fold.measurements for fold in together.folds] == [one.measurements for one in alone]
    assert together.scenes == 2
    mean = sum(one.measurements[0].value for one in alone) / 2
    assert abs(figures["miou"] - mean) > 1e-3
    tree = json.loads(together.as_json())
    assert tree["measurements"]["miou"]["value"] == figures["miou"]
    assert [one["run"] for one in tree["folds"]] == [str(run) for run in folds]
    assert sum(row["points"] for row in tree["per_class"]) == len(truth)


def test_no_scene_is_judged_twice(folds: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match=r"one: rooms/rooms-val-0-00003 is judged twice"):
        evaluate_folds([folds[0], folds[1], folds[0]], OPTIONS)


def test_one_run_only_has_files_of_a_benchmark(folds: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give a single run with --export"):
        evaluate_folds(folds, EvaluationOptions(scannet_export=tmp_path / "out"))
    assert not (tmp_path / "out").exists()
