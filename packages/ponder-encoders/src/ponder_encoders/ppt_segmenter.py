"""PPTSegmenter: the language-guided head of PPT, which scores points against the text embeddings of class names."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, model_validator
from torch import Tensor, nn

from ponder_encoders.checkpoints import PublishedConditions, published_encoder
from ponder_encoders.point_batch import PointBatch, scene_lengths
from ponder_encoders.published_file import read_published
from ponder_encoders.published_names import account_for_names
from ponder_encoders.sparse.backend import BackendName
from ponder_encoders.sparse_unet import SparseUNet, SparseUNetConfig

# Rows of the released models' table of 36 classes, in the order of each dataset's labels.
# fmt: off
PUBLISHED_CLASSES: Mapping[str, tuple[int, ...]] = {
    "Structured3D": (
        0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 23, 25, 26, 33, 34, 35,
    ),
    "ScanNet": (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15, 20, 22, 24, 25, 27, 34),
    "S3DIS": (0, 1, 4, 5, 6, 7, 8, 10, 19, 29, 30, 31, 32),
}
"""Rows 0 to 35 are: wall, floor, cabinet, bed, chair, sofa, table, door, window, bookshelf, bookcase, picture,
counter, desk, shelves, curtain, dresser, pillow, mirror, ceiling, refrigerator, television, shower curtain,
nightstand, toilet, sink, lamp, bathtub, garbagebin, board, beam, column, clutter, other structure, other furniture,
other property."""
# fmt: on
_PUBLISHED_TABLES = {36: PUBLISHED_CLASSES, 20: {"ScanNet": tuple(range(20))}}
_HEAD = ("proj_head.weight", "proj_head.bias", "class_embedding", "logit_scale")


class PPTSegmenterConfig(BaseModel):
    """An encoder, and which of the table's classes each dataset labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: SparseUNetConfig
    classes: dict[str, tuple[NonNegativeInt, ...]] = Field(
        description="for each condition, the rows of the class table in the order of that dataset's labels"
    )
    logit_scale: float = Field(
        default=100.0, gt=0, description="factor on the cosines; constant, as in the released models"
    )

    @model_validator(mode="after")
    def _check_classes(self) -> "PPTSegmenterConfig":
        empty = [name for name, rows in self.classes.items() if not rows]
        if not self.classes or empty:
            raise ValueError(f"every condition needs at least one class, but {empty or 'classes'} has none")
        without = [name for name in self.encoder.conditions if name not in self.classes]
        beyond = [
            name for name in self.classes if self.encoder.conditions and name not in self.encoder.conditions
        ]
        if without or beyond:
            raise ValueError(
                f"classes are for {', '.join(self.classes)}, but the encoder's conditions are "
                f"{', '.join(self.encoder.conditions)}: name the same"
            )
        return self


class PPTSegmenter(nn.Module):
    """Semantic segmentation of several datasets at once, by language-guided categories (Wu et al. 2023, PPT).

    A linear layer takes each point's feature to the space of the text embeddings, and the score of a class is
    ``logit_scale * cos(embedding, class)``. The datasets share one table of classes; each has its own subset of it.

    Args:
        config: the encoder, and the subsets.
        class_table: a text embedding for each class, brought to unit length here; not trained.
        generator: source of the initial weights; PyTorch's default where not given.

    Raises:
        ValueError: the table has no channels or not all the rows that the config names.
    """

    class_table: Float[Tensor, "classes text"]
    logit_scale: Float[Tensor, ""]

    def __init__(
        self,
        config: PPTSegmenterConfig,
        class_table: Float[Tensor, "classes text"],
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        last = max(max(rows) for rows in config.classes.values())
        if class_table.ndim != 2 or class_table.shape[1] == 0 or last >= class_table.shape[0]:
            raise ValueError(
                f"classes name row {last} of the class table, which has the shape {tuple(class_table.shape)}: "
                "it needs a row of text channels for each class"
            )
        self.config = config
        self.encoder = SparseUNet(config.encoder, generator=generator)
        self.projection = nn.Linear(self.encoder.out_channels, class_table.shape[1])
        nn.init.trunc_normal_(self.projection.weight, std=0.02, generator=generator)
        nn.init.zeros_(self.projection.bias)
        self.register_buffer("class_table", F.normalize(class_table.detach().float(), dim=1))
        self.register_buffer("logit_scale", torch.tensor(math.log(config.logit_scale)))

    @property
    def conditions(self) -> tuple[str, ...]:
        """The datasets whose classes can be told apart."""
        return tuple(self.config.classes)

    def forward(self, batch: PointBatch, condition: str) -> Float[Tensor, "points classes"]:
        """Score every point of a batch, all of whose scenes come from one dataset.

        Args:
            batch: as :meth:`SparseUNet.forward` takes it.
            condition: the dataset: whose norms, and whose classes.

        Returns:
            Logits of that dataset's classes, in the order of its labels; rows in the order of the batch's.

        Raises:
            ValueError: as :meth:`SparseUNet.forward`; there is no such condition.
        """
        return self.logits(self.embed(batch, condition), condition)

    def scene_logits(
        self, batch: PointBatch, conditions: Sequence[str]
    ) -> tuple[Float[Tensor, "scene_points classes"], ...]:
        """Logits of each scene of a batch that mixes datasets; scenes differ in their number of classes.

        Raises:
            ValueError: as :meth:`forward`; there is not one condition for each scene.
        """
        lengths = scene_lengths(batch.offsets, batch.grid_coord.shape[0])
        if isinstance(conditions, str) or len(conditions) != len(lengths):
            raise ValueError(f"{len(lengths)} scenes need one condition each, not {conditions!r}")
        scenes = self.embed(batch, conditions).split(lengths)
        return tuple(
            self.logits(scene, condition) for scene, condition in zip(scenes, conditions, strict=True)
        )

    def embed(self, batch: PointBatch, condition: str | Sequence[str]) -> Float[Tensor, "points text"]:
        """Unit vectors in the space of the text embeddings, one for each point."""
        features = cast(Tensor, self.encoder(batch, condition))
        return F.normalize(self.projection(features), dim=1)

    def logits(
        self, embeddings: Float[Tensor, "points text"], condition: str
    ) -> Float[Tensor, "points classes"]:
        """Score unit vectors against the classes of one dataset.

        Raises:
            ValueError: there is no such condition.
        """
        if condition not in self.config.classes:
            raise ValueError(
                f"there is no condition {condition!r}: this segmenter knows the classes of "
                f"{', '.join(self.conditions)}"
            )
        table = self.class_table[list(self.config.classes[condition])]
        return self.logit_scale.exp() * (embeddings @ table.t().to(embeddings.dtype))

    @classmethod
    def from_published(
        cls,
        state_dict: Mapping[str, Tensor] | Path | str,
        *,
        backend: BackendName = "auto",
        conditions: PublishedConditions | None = None,
        classes: Mapping[str, Sequence[int]] | None = None,
    ) -> "PPTSegmenter":
        """Load a published model with a language-guided head (PPT-v1m1, and pre-training models with one).

        Args:
            state_dict: as :meth:`SparseUNet.from_published` takes it.
            backend: of the encoder.
            conditions: as :meth:`SparseUNet.from_published` takes them.
            classes: for each condition, the rows of the class table in the order of its labels. Files do not say;
                by default ``PUBLISHED_CLASSES`` for tables of 36 rows, and ScanNet's classes for tables of 20.

        Raises:
            ValueError: as :meth:`SparseUNet.from_published`; the file has no such head, or a table whose classes
                are not known.
        """
        if isinstance(state_dict, Path | str):
            state_dict = read_published(Path(state_dict))
        beside = account_for_names(state_dict).beside
        missing = [name for name in _HEAD if name not in beside]
        if missing:
            raise ValueError(
                f"the file has no language-guided head ({', '.join(missing)} missing): "
                "load its encoder with SparseUNet.from_published"
            )
        weight, bias, table, logit_scale = (state_dict[beside[name]] for name in _HEAD)
        published = published_encoder(state_dict, conditions)
        expected = (table.shape[-1], published.sizes.channels[-1])
        if tuple(weight.shape) != expected or bias.shape != weight.shape[:1]:
            raise ValueError(
                f"proj_head.weight {tuple(weight.shape)} and proj_head.bias {tuple(bias.shape)} do not lead from "
                f"{expected[1]} features to {expected[0]} text channels"
            )
        known = classes if classes is not None else _PUBLISHED_TABLES.get(table.shape[0])
        if known is None:
            raise ValueError(
                f"the class table has {table.shape[0]} rows, and no released model's classes fit that: give "
                "classes={condition: rows, ...}"
            )
        config = PPTSegmenterConfig(
            encoder=SparseUNetConfig.of_published(published.sizes, backend),
            classes={name: tuple(rows) for name, rows in known.items()},
            logit_scale=float(logit_scale.exp()),
        )
        segmenter = cls(config, table, generator=torch.Generator())
        published.load_into(segmenter.encoder.state_dict(keep_vars=True))
        with torch.no_grad():
            segmenter.projection.weight.copy_(weight)
            segmenter.projection.bias.copy_(bias)
            # As they are, and not through the constructor's arithmetic.
            segmenter.class_table.copy_(table)
            segmenter.logit_scale.copy_(logit_scale)
        return segmenter
