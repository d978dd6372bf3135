"""Average precision: the area under the curve of precision over recall, as ScanNet's benchmark integrates it."""

import numpy as np
from jaxtyping import Bool, Float


def average_precision(
    is_true: Bool[np.ndarray, " detections"], score: Float[np.ndarray, " detections"], *, missed: int
) -> float:
    """Return the area under precision over recall by the trapezoid rule, from recall 0, where precision is 1.

    Each different score is a threshold; detections of equal score are taken or left together. With ``t`` true and
    ``f`` false detections at or above a threshold, precision is ``t / (t + f)`` and recall is ``t`` over all truths,
    found or ``missed``. Other protocols integrate other interpolations of this curve.

    Returns:
        A fraction in [0, 1]: 0 where nothing is detected, NaN where there is no truth.
    """
    truths = int(is_true.sum()) + missed
    if truths == 0:
        return float("nan")
    if len(score) == 0:
        return 0.0
    order = np.argsort(-score, kind="stable")
    last_of_score = np.append(np.diff(score[order]) != 0, True)
    true = np.cumsum(is_true[order])[last_of_score]
    taken = np.flatnonzero(last_of_score) + 1
    precision = np.concatenate([[1.0], true / taken])
    recall = np.concatenate([[0.0], true / truths])
    return float(np.sum((precision[1:] + precision[:-1]) / 2 * np.diff(recall)))
