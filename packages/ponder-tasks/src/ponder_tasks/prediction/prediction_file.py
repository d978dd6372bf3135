"""From a scan to a prediction on disk: what ``ponder predict`` does."""

from dataclasses import dataclass
from pathlib import Path

from ponder_data import read_scan

from ponder_tasks.prediction.predicted import check_prediction_output, json_beside, write_prediction
from ponder_tasks.prediction.predictors import load_predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionFile:
    """A prediction that was written: the coloured cloud, the JSON beside it, and what was found in words."""

    output: Path
    json: Path
    points: int
    summary: str


def predict_scan(run: Path, scan: Path, output: Path, *, device: str = "cpu") -> PredictionFile:
    """Read a scan, predict it with the model of ``run``, write ``output`` (.ply) and the JSON beside it.

    Raises:
        ValueError: when the scan or the run cannot be read, the run predicts nothing, or ``output`` does not end in
            ``.ply``.
    """
    check_prediction_output(output)
    predictor = load_predictor(run, device=device)
    predicted = predictor.predict(read_scan(scan))
    write_prediction(predicted, output, {"run": str(run), "scan": str(scan)})
    return PredictionFile(
        output=output,
        json=json_beside(output),
        points=len(predicted.scene),
        summary=predicted.summary(),
    )
