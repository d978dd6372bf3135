"""Text embeddings by MiniLM (all-MiniLM-L6-v2, 384 channels), whose weights come inside a pip package."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ponder_encoders.text.file_hash import folder_hash
from ponder_encoders.text.optional import load_minilm, load_sentence_transformers


class MiniLMConfig(BaseModel):
    """Embed by the offline MiniLM package (extra ``text``): sentence meaning, never trained on pictures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["minilm"] = "minilm"
    device: str = Field(default="cpu", description="where the language model runs")


class MiniLMSource:
    """MiniLM from the files of its package. Nothing is looked for elsewhere, neither in caches nor online.

    The model is loaded at the first prompt, so that a cached table needs neither its time nor its memory.

    Raises:
        ImportError: naming the extra, where a package is missing.
    """

    def __init__(self, config: MiniLMConfig | None = None) -> None:
        self.config = config if config is not None else MiniLMConfig()
        self._folder = Path(load_minilm().get_model_path())

    @property
    def identity(self) -> str:
        """The model and a hash of all files of its folder."""
        return f"all-MiniLM-L6-v2 sha256:{self._hash}"

    @cached_property
    def _hash(self) -> str:
        return folder_hash(self._folder)

    @cached_property
    def _model(self) -> Any:
        return load_sentence_transformers().SentenceTransformer(
            str(self._folder), device=self.config.device, local_files_only=True
        )

    def embed(self, prompts: Sequence[str]) -> Float[Tensor, "prompts channels"]:
        """Mean of the last layer's tokens, unit length."""
        with torch.no_grad():
            return self._model.encode(list(prompts), convert_to_tensor=True, show_progress_bar=False)
