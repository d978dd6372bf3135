"""Learning with Ponder. See README.md.

``load(run).predict(scene)`` uses what a run has learned.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ponder_tasks.prediction.predictors import Predictor

__all__ = ["load"]


def load(run: Path | str, *, device: str = "cpu") -> "Predictor":
    """Return the model of ``run``, ready to predict scenes.

    Args:
        run: a run folder, a checkpoint folder or a ``model.safetensors`` file.
        device: where to compute.

    Raises:
        ValueError: when it cannot be read, or a run of its task predicts nothing.
    """
    # Models are slow to import, and whoever imports a part of this package does not want them all.
    from ponder_tasks.prediction.predictors import load_predictor

    return load_predictor(Path(run), device=device)
