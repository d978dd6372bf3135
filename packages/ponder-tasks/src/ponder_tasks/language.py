"""Language guidance (PPT): points and pixels of several datasets are told apart by text embeddings of class names.

One table of embeddings serves all datasets. A dataset is only judged among the classes that it labels: that a wall is
no "board" cannot be learned from one in which boards are labelled as wall.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from ponder_data import Mixture, Scenes
from ponder_encoders.text import ClassTable, TextConfig, build_class_table
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

UNLABELLED_CLASS_SCORE = -1e4
"""Of classes that a dataset does not label; finite, so that no loss multiplies zero by infinity."""


class LanguageConfig(BaseModel):
    """Which language model embeds the class names, and how sharply its embeddings are told apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: TextConfig = TextConfig()
    channels: PositiveInt = Field(
        default=384, description="of the text embeddings: 384 for MiniLM, 512 for CLIP ViT-B"
    )
    logit_scale: PositiveFloat = Field(
        default=100.0, description="factor on the cosines; constant, as in the released models"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The classes of all datasets of a run.

    Attributes:
        table: a text embedding for each class.
        known: for each condition, the classes that its dataset labels.
    """

    table: ClassTable
    known: Mapping[str, tuple[int, ...]]

    def known_mask(self, conditions: Sequence[str]) -> Bool[Tensor, "scenes classes"]:
        """Return for each scene which classes its dataset labels."""
        mask = torch.zeros(len(conditions), len(self.table.names), dtype=torch.bool)
        for row, condition in zip(mask, conditions, strict=True):
            row[list(self.known[condition])] = True
        return mask


def build_vocabulary(scenes: Scenes, config: LanguageConfig) -> Vocabulary:
    """Return the classes of ``scenes``, embedded, and which of them each of its datasets labels.

    Raises:
        ValueError: when the scenes have no class names, or the embeddings are not ``config.channels`` wide.
        ImportError: naming the extra, where the language model's packages are not installed.
    """
    if not scenes.class_names:
        raise ValueError(
            f"the data ({scenes.name}) has no class names to embed; use labelled data, or pre-train label-free"
        )
    table = build_class_table(scenes.class_names, config.text)
    if table.channels != config.channels:
        raise ValueError(
            f"{table.source} embeds in {table.channels} channels, but the recipe says {config.channels}: set "
            f"language.channels={table.channels} (and renderer.field.semantic_channels, where semantics are rendered)"
        )
    if isinstance(scenes, Mixture):
        known = {name: scenes.known_classes(part) for part, name in enumerate(scenes.conditions)}
    else:
        known = {scenes.name: tuple(range(len(scenes.class_names)))}
    return Vocabulary(table=table, known=known)


class LanguageHead(nn.Module):
    """Scores of points against text embeddings: ``logit_scale * cos(linear(feature), class)`` (Wu et al. 2023, PPT)."""

    def __init__(self, in_channels: int, config: LanguageConfig) -> None:
        super().__init__()
        self.projection = nn.Linear(in_channels, config.channels)
        nn.init.trunc_normal_(self.projection.weight, std=0.02)
        nn.init.zeros_(self.projection.bias)
        self.logit_scale = config.logit_scale

    def forward(
        self,
        features: Float[Tensor, "points channels"],
        offsets: Int[Tensor, " scenes"],
        conditions: Sequence[str],
        vocabulary: Vocabulary,
    ) -> Float[Tensor, "points classes"]:
        """Return the scores; a class that a scene's dataset does not label gets one that never wins."""
        unit = F.normalize(self.projection(features), dim=1)
        scores = self.logit_scale * unit @ vocabulary.table.embeddings.to(unit).t()
        known = vocabulary.known_mask(conditions).to(unit.device)
        return scores.masked_fill(~known[scene_of_points(offsets)], UNLABELLED_CLASS_SCORE)


def scene_of_points(offsets: Int[Tensor, " scenes"]) -> Int[Tensor, " points"]:
    """Return which scene each packed point belongs to."""
    lengths = torch.diff(offsets, prepend=offsets.new_zeros(1))
    return torch.repeat_interleave(torch.arange(len(lengths), device=offsets.device), lengths)
