"""Text embeddings by CLIP: open_clip's architectures, with weights from a file on this machine."""

import difflib
import pickle
import warnings
import zipfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_encoders.text.file_hash import file_hash
from ponder_encoders.text.optional import load_open_clip

_PROMPTS_AT_ONCE = 64


class OpenClipConfig(BaseModel):
    """Embed by a CLIP checkpoint (extra ``text-clip``). The paper uses ViT-B/16 of OpenAI."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["open_clip"] = "open_clip"
    checkpoint: Path = Field(
        description="weights: .safetensors, a PyTorch file, or OpenAI's TorchScript archive"
    )
    architecture: str = Field(
        default="ViT-B-16-quickgelu",
        description="open_clip's name of the model; OpenAI's weights want '-quickgelu'. "
        "A TorchScript archive says itself what it is",
    )
    device: str = Field(default="cpu", description="where the language model runs")


class OpenClipSource:
    """The text encoder of a CLIP model, from a local checkpoint. Never touches the network.

    Only architectures with CLIP's own tokenizer are taken, whose vocabulary comes with open_clip; those of
    others would be downloaded. The model is loaded at the first prompt, so that a cached table needs neither its
    time nor its memory.

    Raises:
        ValueError: there is no such checkpoint.
    """

    def __init__(self, config: OpenClipConfig) -> None:
        self.config = config
        self._checkpoint = config.checkpoint.expanduser().resolve()
        if not self._checkpoint.is_file():
            raise ValueError(
                f"there is no CLIP checkpoint {self._checkpoint}: nothing is downloaded, so fetch one beforehand "
                "and give its path"
            )

    @property
    def identity(self) -> str:
        """The architecture and a hash of the checkpoint."""
        return f"open_clip {self.config.architecture} sha256:{self._hash}"

    @cached_property
    def _hash(self) -> str:
        return file_hash(self._checkpoint)

    @cached_property
    def _model(self) -> Any:
        open_clip = load_open_clip()
        if _is_torchscript(self._checkpoint):
            with warnings.catch_warnings():
                # PyTorch deprecates TorchScript, but OpenAI's files are read no other way.
                warnings.simplefilter("ignore", DeprecationWarning)
                model = open_clip.load_openai_model(str(self._checkpoint), precision="fp32", device="cpu")
        else:
            _check_architecture(open_clip, self.config.architecture)
            try:
                # An absolute path is never taken for the tag of weights to download.
                model = open_clip.create_model(
                    self.config.architecture,
                    pretrained=str(self._checkpoint),
                    pretrained_image=False,
                    pretrained_text=False,
                )
            except (RuntimeError, AssertionError, pickle.UnpicklingError) as error:
                raise ValueError(
                    f"{self._checkpoint} does not hold the weights of {self.config.architecture}: {error}"
                ) from error
        return model.eval().to(self.config.device)

    @cached_property
    def _tokenizer(self) -> Any:
        return load_open_clip().SimpleTokenizer(context_length=self._model.context_length)

    def embed(self, prompts: Sequence[str]) -> Float[Tensor, "prompts channels"]:
        """What CLIP's text encoder makes of each prompt."""
        vectors = []
        with torch.no_grad():
            for start in range(0, len(prompts), _PROMPTS_AT_ONCE):
                tokens = self._tokenizer(list(prompts[start : start + _PROMPTS_AT_ONCE]))
                vectors.append(self._model.encode_text(tokens.to(self.config.device)).cpu())
        return torch.cat(vectors)


def _is_torchscript(path: Path) -> bool:
    """Whether a file is an archive with code beside its weights, as OpenAI publishes CLIP."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())


def _check_architecture(open_clip: Any, architecture: str) -> None:
    known = open_clip.list_models()
    if architecture not in known:
        nearest = difflib.get_close_matches(architecture, known, n=3)
        raise ValueError(f"open_clip knows no architecture {architecture!r}; the nearest are {nearest}")
    text = open_clip.get_model_config(architecture)["text_cfg"]
    if "hf_tokenizer_name" in text or "hf_model_name" in text or "siglip" in architecture.lower():
        raise ValueError(
            f"{architecture} has a tokenizer that open_clip would download: take an architecture with CLIP's own, "
            "such as ViT-B-16"
        )
