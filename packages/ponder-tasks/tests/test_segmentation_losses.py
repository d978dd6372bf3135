"""Closed forms, slow loops, and the numbers of the published code where they are at hand."""

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ponder_tasks.segment.dice import dice_loss
from ponder_tasks.segment.focal import focal_loss
from ponder_tasks.segment.losses import SegmentationLossConfig, cross_entropy, segmentation_losses
from ponder_tasks.segment.lovasz import lovasz_hinge, lovasz_softmax
from pydantic import ValidationError
from torch import Tensor

PUBLISHED = (
    "lovasz_multiclass",
    "ce",
    "ce_plus_lovasz",
    "lovasz_no_ignore",
    "lovasz_class_seen",
    "lovasz_single_point",
    "lovasz_all_ignored",
    "lovasz_weight05",
    "lovasz_binary",
    "lovasz_4d",
    "ce_smooth",
    "focal",
    "dice",
)


@pytest.fixture(scope="module")
def published() -> dict[str, np.ndarray]:
    shared = Path(os.environ.get("PONDER_SHARED", Path(__file__).resolve().parents[3].parent / "shared"))
    path = shared / "parity" / "losses.npz"
    if not path.is_file():
        pytest.skip(f"the published losses are not at {path}")
    with np.load(path) as archive:
        return dict(archive)


def loss_of(settings: dict[str, Any], logits: Tensor, target: Tensor) -> Tensor:
    """One of the published code's losses, from its settings."""
    kind, weight = settings["type"], settings.get("loss_weight", 1.0)
    if kind == "LovaszLoss":
        ignored = settings.get("ignore_index")
        if settings["mode"] == "binary":
            return weight * lovasz_hinge(logits, target, ignore_index=ignored)
        seen = settings.get("class_seen")
        seen = None if seen is None else tuple(seen)
        return weight * lovasz_softmax(logits, target, ignore_index=ignored, class_seen=seen)
    if kind == "CrossEntropyLoss":
        return weight * cross_entropy(logits, target, label_smoothing=settings.get("label_smoothing", 0.0))
    if kind == "FocalLoss":
        return focal_loss(logits, target, gamma=settings["gamma"], alpha=settings["alpha"])
    assert kind == "DiceLoss"
    return dice_loss(logits, target)


@pytest.mark.parametrize("name", PUBLISHED)
def test_agrees_with_the_published_code(published: dict[str, np.ndarray], name: str) -> None:
    settings = json.loads(str(published["meta_json"]))[name]
    logits = torch.from_numpy(published[f"{name}/logits"]).requires_grad_()
    target = torch.from_numpy(published[f"{name}/target"])
    terms = settings if isinstance(settings, list) else [settings]
    loss = torch.stack([loss_of(term, logits, target) for term in terms]).sum()
    loss.backward()
    assert logits.grad is not None
    assert loss.item() == pytest.approx(float(published[f"{name}/loss"]), rel=2e-6, abs=1e-7)
    np.testing.assert_allclose(logits.grad.numpy(), published[f"{name}/grad"], rtol=2e-5, atol=1e-7)


def test_no_published_entry_is_left_out(published: dict[str, np.ndarray]) -> None:
    assert set(json.loads(str(published["meta_json"]))) == set(PUBLISHED)


def random_case(points: int = 10, classes: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(7)
    logits = torch.randn(points, classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(-1, classes, (points,), generator=generator)


def test_focal_agrees_with_a_loop() -> None:
    logits, target = random_case()
    values = []
    for row, label in zip(logits.tolist(), target.tolist(), strict=True):
        if label == -1:
            continue
        for index, score in enumerate(row):
            positive = 1 / (1 + math.exp(-score))
            right, balance = (positive, 0.3) if index == label else (1 - positive, 0.7)
            values.append(-balance * (1 - right) ** 1.5 * math.log(right))
    loss = focal_loss(logits, target, gamma=1.5, alpha=0.3)
    assert loss.item() == pytest.approx(sum(values) / len(values), rel=1e-12)
    assert torch.autograd.gradcheck(lambda x: focal_loss(x, target), logits.requires_grad_())


def test_dice_agrees_with_a_loop() -> None:
    logits, target = random_case()
    probability = logits.softmax(dim=1)
    losses = []
    for label in range(4):
        overlap, sizes = 0.0, 0.0
        for index in range(len(target)):
            if int(target[index]) == -1:
                continue
            truth = 1.0 if int(target[index]) == label else 0.0
            overlap += float(probability[index, label]) * truth
            sizes += float(probability[index, label]) ** 2 + truth
        losses.append(1 - (2 * overlap + 1) / (sizes + 1))
    assert dice_loss(logits, target).item() == pytest.approx(sum(losses) / 4, rel=1e-12)
    assert torch.autograd.gradcheck(lambda x: dice_loss(x, target), logits.requires_grad_())


def test_cross_entropy_of_an_undecided_classifier_is_log_of_the_classes() -> None:
    target = torch.tensor([0, -1, 4])
    assert cross_entropy(torch.zeros(3, 5), target).item() == pytest.approx(math.log(5))


def test_terms_are_named_and_weighted() -> None:
    logits, target = random_case()
    config = SegmentationLossConfig(cross_entropy=0.5, lovasz=2.0, label_smoothing=0.1)
    losses = segmentation_losses(logits, target, config)
    assert [(term.name, term.weight) for term in losses.terms] == [("cross_entropy", 0.5), ("lovasz", 2.0)]
    assert torch.equal(losses.terms[0].value, cross_entropy(logits, target, label_smoothing=0.1))
    assert torch.equal(losses.terms[1].value, lovasz_softmax(logits, target))


def test_every_loss_can_be_asked_for() -> None:
    logits, target = random_case()
    config = SegmentationLossConfig(cross_entropy=0, lovasz=0, focal=1.0, dice=3.0)
    losses = segmentation_losses(logits, target, config)
    assert {term.name: term.weight for term in losses.terms} == {"focal": 1.0, "dice": 3.0}


@pytest.mark.parametrize("points", [0, 6])
def test_no_labels_give_zero_with_zero_gradient(points: int) -> None:
    logits = torch.randn(points, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    config = SegmentationLossConfig(focal=1.0, dice=1.0, label_smoothing=0.1)
    losses = segmentation_losses(logits, torch.full((points,), -1), config)
    total = torch.stack([term.value for term in losses.terms]).sum()
    total.backward()
    assert total.item() == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_half_precision_is_computed_in_single() -> None:
    logits, target = random_case()
    config = SegmentationLossConfig(focal=1.0, dice=1.0)
    for term in segmentation_losses(logits.bfloat16(), target, config).terms:
        assert term.value.dtype == torch.float32


def test_mistakes_are_told_in_one_line() -> None:
    logits, target = random_case()
    with pytest.raises(ValueError, match="every segmentation loss has weight 0"):
        segmentation_losses(logits, target, SegmentationLossConfig(cross_entropy=0, lovasz=0))
    with pytest.raises(ValueError, match=r"targets run from 0 to 4 but the logits have 4 classes"):
        segmentation_losses(logits[:2], torch.tensor([0, 4]), SegmentationLossConfig())
    with pytest.raises(ValidationError):
        SegmentationLossConfig(cross_entropy=-1.0)
