import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_tasks.segment.lovasz import descending_order, jaccard_growth, lovasz_hinge, lovasz_softmax
from torch import Tensor


def jaccard_loss_of_mistakes(mistakes: set[int], foreground: set[int]) -> float:
    """The set function that the Lovasz extension extends: |mistakes| / |foreground or mistakes|."""
    union = foreground | mistakes
    return len(mistakes) / len(union) if union else 0.0


def lovasz_extension(errors: list[float], foreground: set[int]) -> float:
    """The definition, one point at a time: sum of error times the growth of the set function."""
    order = sorted(range(len(errors)), key=lambda index: -errors[index])
    total, mistakes, previous = 0.0, set(), 0.0
    for index in order:
        mistakes = mistakes | {index}
        value = jaccard_loss_of_mistakes(mistakes, foreground)
        total += errors[index] * (value - previous)
        previous = value
    return total


def slow_lovasz_softmax(logits: Tensor, target: Tensor, seen: tuple[int, ...] | None = None) -> float:
    rows = [index for index in range(len(target)) if int(target[index]) != -1]
    probability = logits.double().softmax(dim=1)
    losses = []
    for label in sorted({int(target[index]) for index in rows}):
        if seen is not None and label not in seen:
            continue
        foreground = {place for place, index in enumerate(rows) if int(target[index]) == label}
        errors = [
            abs((1.0 if int(target[index]) == label else 0.0) - float(probability[index, label]))
            for index in rows
        ]
        losses.append(lovasz_extension(errors, foreground))
    return sum(losses) / len(losses) if losses else 0.0


def random_case(seed: int, points: int, classes: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(points, classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(-1, classes, (points,), generator=generator)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), points=st.integers(1, 30), classes=st.integers(1, 6))
def test_softmax_agrees_with_the_definition(seed: int, points: int, classes: int) -> None:
    logits, target = random_case(seed, points, classes)
    assert float(lovasz_softmax(logits, target)) == pytest.approx(
        slow_lovasz_softmax(logits, target), abs=1e-12
    )


def test_only_seen_classes_count() -> None:
    logits, target = random_case(3, 40, 5)
    expected = slow_lovasz_softmax(logits, target, seen=(0, 3))
    assert float(lovasz_softmax(logits, target, class_seen=(0, 3))) == pytest.approx(expected, abs=1e-12)


def test_a_seen_class_outside_the_logits_is_an_error() -> None:
    logits, target = random_case(3, 4, 5)
    with pytest.raises(ValueError, match=r"class_seen names \[5\] but the logits have 5 classes"):
        lovasz_softmax(logits, target, class_seen=(0, 5))


def test_pictures_are_their_pixels() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 5, 4, generator=generator)
    target = torch.randint(-1, 3, (2, 5, 4), generator=generator)
    rows = torch.stack([logits[b, :, v, u] for b in range(2) for v in range(5) for u in range(4)])
    assert torch.allclose(lovasz_softmax(logits, target), lovasz_softmax(rows, target.reshape(-1)))


def test_gradient_of_softmax_is_right() -> None:
    logits, target = random_case(1, 7, 3)
    assert torch.autograd.gradcheck(lambda x: lovasz_softmax(x, target), logits.requires_grad_())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), points=st.integers(1, 30))
def test_hinge_agrees_with_the_definition(seed: int, points: int) -> None:
    logits, target = random_case(seed, points, 2)
    scores = logits[:, 0]
    rows = [index for index in range(points) if int(target[index]) != -1]
    errors = [max(0.0, 1.0 - float(scores[i]) * (1.0 if int(target[i]) == 1 else -1.0)) for i in rows]
    foreground = {place for place, index in enumerate(rows) if int(target[index]) == 1}
    assert float(lovasz_hinge(scores, target)) == pytest.approx(
        lovasz_extension(errors, foreground), abs=1e-12
    )


def test_gradient_of_hinge_is_right() -> None:
    logits, target = random_case(2, 9, 2)
    scores = logits[:, 0].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: lovasz_hinge(x, target), scores)


@pytest.mark.parametrize("points", [0, 7])
def test_nothing_labelled_gives_zero_with_zero_gradient(points: int) -> None:
    target = torch.full((points,), -1)
    logits = torch.randn(points, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = lovasz_softmax(logits, target)
    scores = torch.zeros(points).requires_grad_()
    hinge = lovasz_hinge(scores, target)
    (loss + hinge).backward()
    assert loss.item() == 0.0
    assert hinge.item() == 0.0
    assert logits.grad is not None
    assert scores.grad is not None
    assert not logits.grad.any()
    assert not scores.grad.any()


def test_perfect_prediction_costs_nothing_and_the_worst_costs_one() -> None:
    target = torch.tensor([0, 1, 1, 2])
    sure = 1e4 * torch.eye(3)
    assert float(lovasz_softmax(sure[target], target)) == 0.0
    assert float(lovasz_softmax(sure[(target + 1) % 3], target)) == 1.0


def test_hard_predictions_give_one_minus_mean_iou() -> None:
    target = torch.tensor([0, 0, 0, 1, 1, 2])
    predicted = torch.tensor([0, 0, 1, 1, 1, 0])
    # IoU: class 0: 2 / 4, class 1: 2 / 3, class 2: 0.
    logits = 1e4 * torch.eye(3)[predicted]
    assert float(lovasz_softmax(logits, target)) == pytest.approx(1 - (0.5 + 2 / 3 + 0) / 3)


def test_growth_sums_to_one_and_is_not_negative() -> None:
    truth = torch.randint(0, 2, (4, 50), generator=torch.Generator().manual_seed(0)).double()
    growth = jaccard_growth(truth)
    assert torch.allclose(growth.sum(dim=1), torch.ones(4, dtype=torch.float64))
    assert bool((growth >= 0).all())


def test_half_precision_is_computed_in_single() -> None:
    logits, target = random_case(5, 20, 4)
    loss = lovasz_softmax(logits.bfloat16(), target)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, lovasz_softmax(logits.bfloat16().float(), target))


def test_order_is_that_of_torch() -> None:
    values = torch.randn(5, 200, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.equal(descending_order(values), torch.argsort(values, dim=1, descending=True))
