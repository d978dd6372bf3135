import json
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_tasks.metrics.segmentation import ConfusionMatrix
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, jaccard_score

NAMES = ("wall", "floor", "chair", "lamp")


def slow_figures(
    predicted: list[int], truth: list[int], classes: int
) -> tuple[list[float], list[float], float]:
    """IoU and accuracy of each class and the overall accuracy, one point at a time."""
    pairs = [(p, t) for p, t in zip(predicted, truth, strict=True) if t != -1]
    ious, accuracies = [], []
    for label in range(classes):
        both = sum(1 for p, t in pairs if p == label and t == label)
        either = sum(1 for p, t in pairs if label in (p, t))
        true = sum(1 for _, t in pairs if t == label)
        ious.append(both / either if either else math.nan)
        accuracies.append(both / true if true else math.nan)
    return ious, accuracies, sum(1 for p, t in pairs if p == t) / len(pairs)


def mean_of_defined(values: list[float]) -> float:
    defined = [value for value in values if not math.isnan(value)]
    return sum(defined) / len(defined)


labels = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=1, max_size=60)


@settings(max_examples=60, deadline=None)
@given(pairs=labels, cut=st.integers(0, 60))
def test_agrees_with_a_loop_however_batches_are_cut(pairs: list[tuple[int, int]], cut: int) -> None:
    predicted, truth = [p for p, _ in pairs], [t for _, t in pairs]
    matrix = ConfusionMatrix(NAMES)
    for part in (slice(None, cut), slice(cut, None)):
        matrix.add(
            torch.tensor(predicted[part], dtype=torch.int64), torch.tensor(truth[part], dtype=torch.int64)
        )
    if all(label == -1 for label in truth):
        with pytest.raises(ValueError, match="no labelled point"):
            matrix.metrics()
        return
    metrics = matrix.metrics()
    ious, accuracies, overall = slow_figures(predicted, truth, 4)
    assert metrics.iou_per_class == pytest.approx(ious, nan_ok=True)
    assert metrics.accuracy_per_class == pytest.approx(accuracies, nan_ok=True)
    assert metrics.miou == pytest.approx(mean_of_defined(ious))
    assert metrics.macc == pytest.approx(mean_of_defined(accuracies))
    assert metrics.allacc == pytest.approx(overall)
    assert metrics.counts == tuple(truth.count(label) for label in range(4))


def test_agrees_with_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted = torch.randint(4, (500,), generator=generator)
    truth = torch.randint(-1, 4, (500,), generator=generator)
    matrix = ConfusionMatrix(NAMES)
    matrix.add(predicted, truth)
    known = (truth >= 0).numpy()
    pair = truth.numpy()[known], predicted.numpy()[known]
    assert matrix.counts().tolist() == confusion_matrix(*pair).tolist()
    assert matrix.metrics().miou == pytest.approx(jaccard_score(*pair, average="macro"))
    assert matrix.metrics().macc == pytest.approx(balanced_accuracy_score(*pair))


def test_a_class_that_is_only_predicted_counts_in_the_iou_and_not_in_the_accuracy() -> None:
    matrix = ConfusionMatrix(NAMES)
    matrix.add(torch.tensor([0, 0, 2, 3]), torch.tensor([0, 0, 0, -1]))
    metrics = matrix.metrics()
    assert metrics.iou_per_class == pytest.approx((2 / 3, math.nan, 0.0, math.nan), nan_ok=True)
    assert metrics.miou == pytest.approx(1 / 3)
    assert metrics.macc == pytest.approx(2 / 3)


def test_counts_have_true_classes_in_rows() -> None:
    matrix = ConfusionMatrix(NAMES)
    matrix.add(torch.tensor([1, 1]), torch.tensor([2, 1]))
    assert matrix.counts()[2, 1] == 1
    assert matrix.counts().sum() == 2


def test_measurements_are_percent_and_json_has_no_nan() -> None:
    matrix = ConfusionMatrix(NAMES)
    matrix.add(torch.tensor([0, 1], dtype=torch.int32), torch.tensor([0, 0], dtype=torch.int32))
    metrics = matrix.metrics()
    assert [(m.name, m.value, m.unit, m.better) for m in metrics.measurements()] == [
        ("miou", 25.0, "%", "higher"),
        ("macc", 50.0, "%", "higher"),
        ("allacc", 50.0, "%", "higher"),
    ]
    read_back = json.loads(json.dumps(metrics.as_json(), allow_nan=False))
    assert read_back["classes"][2] == {"name": "chair", "points": 0, "iou": None, "accuracy": None}
    assert read_back["miou"] == 0.25


def test_mistakes_are_told() -> None:
    with pytest.raises(ValueError, match="at least 2 classes, got 1"):
        ConfusionMatrix(["wall"])
    matrix = ConfusionMatrix(NAMES)
    with pytest.raises(ValueError, match="targets run from 0 to 9"):
        matrix.add(torch.tensor([0, 0]), torch.tensor([0, 9]))
    with pytest.raises(ValueError, match="predictions run from -1 to 0"):
        matrix.add(torch.tensor([0, -1]), torch.tensor([0, 1]))
