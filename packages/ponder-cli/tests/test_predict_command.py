from collections.abc import Callable
from pathlib import Path

import pytest
from ponder_tasks.prediction.prediction_file import PredictionFile
from typer.testing import Result

Ponder = Callable[..., Result]


def test_what_was_predicted_is_said_in_one_line(ponder: Ponder, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Path] = []

    def predict_scan(run: Path, scan: Path, output: Path, **options: str) -> PredictionFile:
        given.extend([run, scan, output])
        return PredictionFile(
            output=output, json=Path("out.json"), points=1000, summary="floor 80.0 %, chair 20.0 %"
        )

    monkeypatch.setattr("ponder_tasks.prediction.prediction_file.predict_scan", predict_scan)
    Path("runs/rooms-semseg-1").mkdir(parents=True)
    result = ponder("predict", "rooms-semseg-1", "scan.ply", "-o", "out.ply")
    assert result.exit_code == 0, result.stderr
    assert given == [Path("runs/rooms-semseg-1"), Path("scan.ply"), Path("out.ply")]
    assert result.stdout == "out.ply and out.json: 1000 points: floor 80.0 %, chair 20.0 %\n"


@pytest.mark.parametrize(
    ("run", "output", "message"),
    [("nowhere", "out.ply", "no run 'nowhere'"), ("empty", "out.txt", "must end in .ply")],
)
def test_what_cannot_be_predicted_is_one_line(ponder: Ponder, run: str, output: str, message: str) -> None:
    Path("empty").mkdir()
    result = ponder("predict", run, "scan.ply", "-o", output)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
