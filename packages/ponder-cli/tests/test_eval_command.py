import json
from collections.abc import Callable
from pathlib import Path

import pytest
from ponder_tasks.evaluation import Evaluation
from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.segmentation import SegmentationMetrics
from typer.testing import Result

Ponder = Callable[..., Result]

METRICS = SegmentationMetrics(
    miou=0.25,
    macc=0.5,
    allacc=0.75,
    iou_per_class=(0.25, float("nan")),
    accuracy_per_class=(0.5, float("nan")),
    class_names=("floor", "lamp"),
    counts=(120, 0),
)


@pytest.fixture
def evaluated(ponder: Ponder, monkeypatch: pytest.MonkeyPatch) -> Ponder:
    """Put a known evaluation in the place of the real one."""

    def evaluate_run(run: Path, *options: object, **named: str) -> Evaluation:
        return Evaluation(
            run=run,
            task="segment",
            recipe="rooms-semseg",
            checkpoint="step-000200",
            scenes=16,
            measurements=(Measurement(name="miou", value=25.0, unit="%"),),
            per_class=METRICS.per_class(),
        )

    monkeypatch.setattr("ponder_tasks.evaluation.evaluate_run", evaluate_run)
    Path("runs/rooms-semseg-1").mkdir(parents=True)
    return ponder


def test_the_tables_show_means_and_classes(evaluated: Ponder) -> None:
    result = evaluated("eval", "rooms-semseg-1")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("runs/rooms-semseg-1, step-000200, 16 validation scenes\n")
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line
    ]
    assert rows == [["miou", "25", "%", "↑"], ["floor", "120", "25.0", "50.0"], ["lamp", "0", "-", "-"]]


def test_json_is_all_there_is_on_stdout(evaluated: Ponder) -> None:
    tree = json.loads(evaluated("eval", "rooms-semseg-1", "--json").stdout)
    assert tree["measurements"]["miou"]["value"] == 25.0
    assert tree["per_class"][1]["iou"] is None


def test_a_folder_that_is_no_run_is_one_line(ponder: Ponder) -> None:
    Path("empty").mkdir()
    result = ponder("eval", "empty", "--json")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1


def test_an_export_needs_a_folder(evaluated: Ponder) -> None:
    result = evaluated("eval", "rooms-semseg-1", "--export", "scannet")
    assert result.exit_code == 2
    assert (
        result.stderr == "error: --export and --out go together: --export says which files, --out where to\n"
    )


def test_several_runs_are_measured_together(evaluated: Ponder, monkeypatch: pytest.MonkeyPatch) -> None:
    from ponder_tasks.evaluation import evaluate_run
    from ponder_tasks.folds import FoldsEvaluation

    def evaluate_folds(runs: list[Path], *options: object, **named: str) -> FoldsEvaluation:
        return FoldsEvaluation(
            folds=tuple(evaluate_run(run) for run in runs),
            measurements=(Measurement(name="miou", value=31.0, unit="%"),),
            per_class=METRICS.per_class(),
        )

    monkeypatch.setattr("ponder_tasks.folds.evaluate_folds", evaluate_folds)
    Path("runs/rooms-semseg-2").mkdir(parents=True)
    result = evaluated("eval", "rooms-semseg-1", "rooms-semseg-2")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[:3] == [
        "runs/rooms-semseg-1, step-000200, 16 validation scenes: miou 25 %",
        "runs/rooms-semseg-2, step-000200, 16 validation scenes: miou 25 %",
        "all 2 runs together, 32 validation scenes",
    ]
    assert "31" in result.stdout
    tree = json.loads(evaluated("eval", "rooms-semseg-1", "rooms-semseg-2", "--json").stdout)
    assert (tree["scenes"], tree["measurements"]["miou"]["value"]) == (32, 31.0)
