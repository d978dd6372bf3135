"""The published PPT models: their numbers, of the encoder and of the language-guided head."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from ponder_encoders import PointBatch, PPTSegmenter, PublishedConditions, SparseUNet, fold_condition
from ponder_encoders.checkpoints import from_published_layout
from ponder_encoders.published_names import our_name
from ponder_encoders.sparse.backend import SparseBackend
from torch import Tensor

RELATIVE = 1e-5


class Published(NamedTuple):
    arrays: dict[str, Tensor]
    state_dict: dict[str, Tensor]
    batch: PointBatch
    config: dict[str, Any]


def published(file: Path) -> Published:
    with np.load(file) as content:
        arrays = {name: torch.from_numpy(content[name]) for name in content.files if name != "meta_json"}
        config = json.loads(str(content["meta_json"]))["cfg"]
    state = {name.removeprefix("param/"): v for name, v in arrays.items() if name.startswith("param/")}
    batch = PointBatch(grid_coord=arrays["grid_coord"], features=arrays["feat"], offsets=arrays["offset"])
    return Published(arrays=arrays, state_dict=state, batch=batch, config=config)


@pytest.fixture
def encoder(parity_folder: Path) -> Published:
    """The encoder alone; its contexts, given in the order of the norms, put where a whole model has them."""
    found = published(parity_folder / "spunet_v1m3_adaptive_eval.npz")
    order = [found.config["conditions"].index(name) for name in PublishedConditions().table]
    found.state_dict["embedding_table.weight"] = found.arrays["context"][order]
    return found


@pytest.fixture
def head(parity_folder: Path) -> Published:
    return published(parity_folder / "ppt_v1m1.npz")


def segmenter_of(head: Published, backend: str) -> PPTSegmenter:
    classes = dict(zip(head.config["conditions"], head.config["valid_index"], strict=True))
    return PPTSegmenter.from_published(head.state_dict, backend=backend, classes=classes)  # type: ignore[arg-type]


def lovasz_softmax(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over the labelled classes of the Lovász extension of the Jaccard loss, by its definition."""
    kept = labels != -1
    probabilities, labels = logits[kept].softmax(1), labels[kept]
    losses = []
    for label in labels.unique():
        truth = (labels == label).float()
        errors, order = (truth - probabilities[:, label]).abs().sort(descending=True)
        truth = truth[order]
        union = truth.sum() + (1 - truth).cumsum(0)
        jaccard = 1 - (truth.sum() - truth.cumsum(0)) / union
        losses.append(errors @ torch.diff(jaccard, prepend=jaccard.new_zeros(1)))
    return torch.stack(losses).mean()


def assert_near(value: Tensor | None, reference: Tensor, what: str, relative: float = RELATIVE) -> None:
    assert value is not None, what
    error = (value.double() - reference.double()).abs().max() / reference.double().abs().max()
    assert error.item() < relative, what


@pytest.mark.parametrize("condition", ["ScanNet", "S3DIS", "Structured3D"])
def test_features_of_each_condition_are_the_published_ones(
    encoder: Published, backend: SparseBackend, condition: str
) -> None:
    unet = SparseUNet.from_published(encoder.state_dict, backend=backend.name).eval()  # type: ignore[arg-type]
    outputs = encoder.arrays[f"out/{condition}"]
    assert_near(unet(encoder.batch, condition=condition), outputs, "features")
    assert_near(unet(encoder.batch, condition=(condition, condition)), outputs, "one for each scene")
    assert_near(fold_condition(unet, condition)(encoder.batch), outputs, "folded")


def test_a_batch_of_two_conditions_gives_each_scene_its_own(
    encoder: Published, backend: SparseBackend
) -> None:
    unet = SparseUNet.from_published(encoder.state_dict, backend=backend.name).eval()  # type: ignore[arg-type]
    features = unet(encoder.batch, condition=("S3DIS", "ScanNet"))
    first = int(encoder.batch.offsets[0])
    assert_near(features[:first], encoder.arrays["out/S3DIS"][:first], "S3DIS")
    assert_near(features[first:], encoder.arrays["out/ScanNet"][first:], "ScanNet")


def test_an_encoder_without_its_contexts_is_refused(encoder: Published) -> None:
    del encoder.state_dict["embedding_table.weight"]
    with pytest.raises(ValueError, match="embedding_table.weight is missing"):
        SparseUNet.from_published(encoder.state_dict)


def test_conditions_are_named_by_the_caller_where_they_are_others(encoder: Published) -> None:
    with pytest.raises(ValueError, match="norms for 3 conditions, not for 2"):
        SparseUNet.from_published(
            encoder.state_dict, conditions=PublishedConditions(norms=("a", "b"), table=("b", "a"))
        )
    with pytest.raises(ValueError, match="same conditions, not a, b and a, c"):
        PublishedConditions(norms=("a", "b"), table=("a", "c"))
    order = PublishedConditions(norms=("x", "y", "z"), table=("z", "x", "y"))
    unet = SparseUNet.from_published(encoder.state_dict, conditions=order).eval()
    assert_near(unet(encoder.batch, condition="y"), encoder.arrays["out/S3DIS"], "y")


@pytest.mark.parametrize("condition", ["ScanNet", "S3DIS", "Structured3D"])
def test_logits_and_losses_are_the_published_ones(
    head: Published, backend: SparseBackend, condition: str
) -> None:
    segmenter = segmenter_of(head, backend.name).eval()
    features = segmenter.encoder(head.batch, condition)
    assert_near(features, head.arrays[f"feat_out/{condition}"], "features")
    logits, labels = segmenter(head.batch, condition), head.arrays[f"segment/{condition}"]
    assert_near(logits, head.arrays[f"logits/{condition}"], "logits")
    loss = F.cross_entropy(logits, labels, ignore_index=-1) + lovasz_softmax(logits, labels)
    assert_near(loss, head.arrays[f"loss/{condition}"], "loss")


def test_a_training_step_has_the_published_loss_and_gradients(
    head: Published, backend: SparseBackend
) -> None:
    segmenter = segmenter_of(head, backend.name).train()
    logits, labels = segmenter(head.batch, "ScanNet"), head.arrays["segment/ScanNet"]
    loss = F.cross_entropy(logits, labels, ignore_index=-1) + lovasz_softmax(logits, labels)
    assert_near(loss, head.arrays["train_loss/ScanNet"], "loss", 1e-4)
    loss.backward()
    parameters = dict(segmenter.named_parameters())
    for name, gradient in head.arrays.items():
        if not name.startswith("grad/"):
            continue
        name = name.removeprefix("grad/")
        if name == "embedding_table.weight":
            found, gradient = parameters["encoder.context_table"].grad, gradient[[1, 2, 0]]
        elif name.startswith("proj_head."):
            found = parameters[name.replace("proj_head", "projection")].grad
        else:
            bare = name.removeprefix("backbone.")
            found = parameters[f"encoder.{our_name(bare, 4)}"].grad
            gradient = from_published_layout(bare, gradient)
        assert_near(found, gradient, name, 1e-4)
    assert parameters["encoder.stem.norm.norms.1.weight"].grad is None, "S3DIS is not in the batch"
