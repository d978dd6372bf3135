"""Encoders of other runs: what they bring, and what stays the recipe's own."""

from pathlib import Path

import torch
from ponder_encoders import SparseUNet, SparseUNetConfig
from ponder_tasks.checkpoint import save_weights
from ponder_tasks.encoder_source import with_encoder
from ponder_tasks.recipe import SegmentRecipe
from ponder_tasks.recipes import get_recipe
from ponder_tasks.segment.task import SegmentTask

ENCODER = SparseUNetConfig(base_channels=8, channels=(8, 12, 16, 10), layers=(1, 1, 1, 1), backend="torch")


def test_a_probe_reads_all_decoder_stages_of_an_encoder_that_gave_out_the_last(tmp_path: Path) -> None:
    trained, probe = get_recipe("rooms-semseg"), get_recipe("rooms-probe")
    assert isinstance(trained, SegmentRecipe)
    assert isinstance(probe, SegmentRecipe)
    sample = trained.sample.model_copy(update={"grid_size": 0.17})
    trained = trained.model_copy(update={"encoder": ENCODER, "sample": sample})
    weights = {f"encoder.{name}": value for name, value in SparseUNet(ENCODER).state_dict().items()}
    source = str(save_weights(tmp_path, tensors=weights, recipe=trained))

    started = with_encoder(probe, source)
    assert started.sample.grid_size == 0.17
    assert started.encoder == ENCODER.model_copy(update={"hypercolumns": True, "backend": "auto"})
    model = SegmentTask(started).model
    assert isinstance(model.head, torch.nn.Linear)
    assert model.head.in_features == 16 + 10
    for name, value in model.encoder.state_dict().items():
        assert torch.equal(value, weights[f"encoder.{name}"])
    assert with_encoder(trained, source).encoder == ENCODER
