"""Published files: read without unpickling anything, or refused in one line."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ponder_encoders import PPTSegmenter, SparseUNet
from ponder_encoders.published_file import read_published


class Harmful:
    """What a hostile file could hold: it leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("legacy", [False, True])
def test_weights_are_found_alone_and_among_what_a_trainer_keeps(tmp_path: Path, legacy: bool) -> None:
    weights = {"a": torch.arange(3.0), "b": torch.tensor(7)}
    kept = {"epoch": 3, "state_dict": weights, "best_metric_value": np.float64(0.7), "optimizer": {"lr": 0.1}}
    for content in (weights, kept):
        torch.save(content, tmp_path / "model.pth", _use_new_zipfile_serialization=not legacy)
        found = read_published(tmp_path / "model.pth")
        assert found.keys() == weights.keys()
        assert all(torch.equal(found[name], value) for name, value in weights.items())


@pytest.mark.parametrize("legacy", [False, True])
def test_nothing_is_unpickled(tmp_path: Path, legacy: bool) -> None:
    file, trace = tmp_path / "model.pth", tmp_path / "trace"
    content = {"state_dict": {"a": torch.zeros(1)}, "optimizer": Harmful(trace)}
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ValueError, match=r"model.pth cannot be read as plain tensors.*refused"):
        read_published(file)
    assert not trace.exists()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_a_file_that_was_cut_short_says_so(tmp_path: Path, legacy: bool, share: float) -> None:
    file = tmp_path / "model.pth"
    torch.save({"a": torch.zeros(5000)}, file, _use_new_zipfile_serialization=not legacy)
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(ValueError, match=r"model.pth .*cut short"):
        read_published(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.zeros(1)], "holds no weights by name, but a list"),
        ({}, "holds no weights by name"),
        ({"state_dict": torch.zeros(2)}, "holds no weights by name"),
        ({"epoch": 1, "weights": torch.zeros(1)}, r"more than tensors by name \(epoch"),
    ],
)
def test_other_files_of_torch_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(ValueError, match=message):
        read_published(tmp_path / "model.pth")


def test_networks_are_built_from_a_path(tmp_path: Path) -> None:
    for build in (SparseUNet.from_published, PPTSegmenter.from_published):
        with pytest.raises(ValueError, match="none.pth is not there"):
            build(tmp_path / "none.pth")
    torch.save({"fc.weight": torch.zeros(1)}, tmp_path / "model.pth")
    with pytest.raises(ValueError, match="1 names are not of a published SparseUNet"):
        SparseUNet.from_published(str(tmp_path / "model.pth"))
