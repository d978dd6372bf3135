"""Every name and shape of the released models: accounted for, and loaded."""

import functools
import json
from pathlib import Path

import pytest
import torch
from ponder_encoders import PPTSegmenter, SparseUNet, SparseUNetConfig
from ponder_encoders.checkpoints import published_encoder
from ponder_encoders.published_names import account_for_names, our_name
from torch import Tensor

PLAIN = (
    "nuscenes__pretrain-ponder-spunet-v1m1-0-base-color-amp",
    "nuscenes__pretrain-ponder-spunet-v1m1-0-base-color",
    "nuscenes__pretrain-ponder-spunet-v1m1-0-base-semantic",
    "nuscenes__pretrain-ponder-spunet-v1m1-0-base",
    "s3dis__semseg-spunet-v1m1-0-base",
    "scannet__pretrain-ponder-spunet-v1m1-0-base",
    "scannet__semseg-spunet-v1m1-0-base",
    "structured3d__semseg-spunet-v1m1-0-base",
)
WITH_HEAD = (
    "s3dis__semseg-ppt-v1m1-0-s3-sc-st-spunet-lovasz-ft",
    "scannet__pretrain-ponder-ppt-v1m1-0-sc-s3-st-spunet",
    "scannet__semseg-ppt-v1m1-0-sc-s3-st-spunet-lovasz-ft",
)
AS_BACKBONE = (
    "scannet200__insseg-ppt-v1m1-0-pointgroup-spunet-ft",
    "scannet200__semseg-ppt-v1m1-0-spunet-lovasz-ft",
    "scannet__insseg-ppt-v1m1-0-pointgroup-spunet-ft",
)
CONDITIONS = ("ScanNet", "S3DIS", "Structured3D")


def state_dict(folder: Path, model: str, prefix: str = "") -> dict[str, Tensor]:
    """Tensors of the released names and shapes, expanded from one number each, so that they take no memory."""
    shapes: dict[str, list[int]] = json.loads((folder / "namemap" / f"{model}.json").read_text())
    return {
        prefix + name: torch.tensor(index / len(shapes)).expand(shape)
        for index, (name, shape) in enumerate(shapes.items())
    }


@functools.cache
def expected_names(conditional: bool) -> frozenset[str]:
    """Names in a network that differs from the released ones in its few channels alone."""
    config = SparseUNetConfig(
        base_channels=1,
        channels=(2, 3, 4, 5, 4, 3, 2, 2),
        layers=(2, 3, 4, 6, 2, 2, 2, 2),
        conditions=CONDITIONS if conditional else (),
        context_channels=1 if conditional else 0,
    )
    return frozenset(SparseUNet(config).state_dict())


def test_no_released_model_is_left_out(parity_folder: Path) -> None:
    files = {path.stem for path in (parity_folder / "namemap").glob("[!_]*.json")}
    assert files == {*PLAIN, *WITH_HEAD, *AS_BACKBONE}


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("model", [*PLAIN, *WITH_HEAD, *AS_BACKBONE])
def test_every_name_is_loaded_or_lies_beside(parity_folder: Path, model: str, prefix: str) -> None:
    state = state_dict(parity_folder, model, prefix)
    names = account_for_names(state)
    assert not names.unknown
    assert {*names.encoder.values(), *names.beside.values()} == set(state)
    assert len(names.encoder) + len(names.beside) == len(state)

    sizes = published_encoder(state).sizes
    assert sizes.conditions == (() if model in PLAIN else CONDITIONS)
    ours = {our_name(name, 4) for name in names.encoder}
    if sizes.context_channels:
        ours.add("context_table")
    assert ours == expected_names(model not in PLAIN)


@pytest.mark.parametrize("model", [PLAIN[3], PLAIN[5], AS_BACKBONE[0]])
def test_a_model_of_each_shape_loads_whole(parity_folder: Path, model: str) -> None:
    state = state_dict(parity_folder, model)
    unet = SparseUNet.from_published(state)
    names, loaded = account_for_names(state), unet.state_dict()
    for published, full in names.encoder.items():
        ours = loaded.pop(our_name(published, 4))
        assert torch.equal(ours, state[full].flatten()[0].to(ours.dtype).expand(ours.shape)), published
    assert set(loaded) == (set() if model in PLAIN else {"context_table"})


def test_a_model_with_a_head_loads_as_a_segmenter(parity_folder: Path) -> None:
    state = state_dict(parity_folder, WITH_HEAD[1])
    segmenter = PPTSegmenter.from_published(state)
    assert {name: len(rows) for name, rows in segmenter.config.classes.items()} == {
        "Structured3D": 25,
        "ScanNet": 20,
        "S3DIS": 13,
    }
    assert segmenter.class_table.shape == (36, 512)
    assert torch.equal(segmenter.projection.bias, state["proj_head.bias"])


@pytest.mark.parametrize("model", [PLAIN[2], PLAIN[6], *AS_BACKBONE])
def test_a_model_without_a_head_is_no_segmenter(parity_folder: Path, model: str) -> None:
    with pytest.raises(ValueError, match="no language-guided head .*proj_head.weight.* missing"):
        PPTSegmenter.from_published(state_dict(parity_folder, model))
