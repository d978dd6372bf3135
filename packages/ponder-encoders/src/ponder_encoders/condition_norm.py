"""Norms of Point Prompt Training (PPT): a batch normalisation for each dataset, which a context may adapt."""

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ponder_encoders.conditions import SceneConditions
from ponder_encoders.norms import PointBatchNorm
from ponder_encoders.sparse.tensor import SparseTensor


class ConditionNorm(nn.Module):
    """A :class:`PointBatchNorm` for each condition, over that condition's points only (Wu et al. 2023, PPT).

    With ``context_channels``, what is normalised is then scaled and shifted by a linear layer that all conditions
    share: ``y * (1 + scale) + shift`` with ``shift, scale = chunk(linear(context))``, where the context of a
    condition has gone through SiLU before. That is folded into the norm's own scale and shift, so that it takes no
    memory of the size of the points.

    The scenes of one batch may have different conditions. A condition without points in the batch leaves its norm
    untouched: its statistics stay, and its parameters get no gradient (``None``), which training in several processes
    has to allow for.
    """

    def __init__(
        self, channels: int, conditions: int, context_channels: int, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.norms = nn.ModuleList(PointBatchNorm(channels) for _ in range(conditions))
        self.modulation = None
        if context_channels:
            self.modulation = nn.Linear(context_channels, 2 * channels)
            nn.init.trunc_normal_(self.modulation.weight, std=0.02, generator=generator)
            nn.init.zeros_(self.modulation.bias)

    def forward(self, tensor: SparseTensor, conditions: SceneConditions) -> Float[Tensor, "cells channels"]:
        """Normalise each scene's rows by the norm of its condition; rows stay where they are."""
        present = conditions.present()
        if len(present) == 1:
            return self._normalised(tensor.features, present[0], conditions)
        # The rows of a scene follow each other at every resolution, so slices are enough.
        scenes = list(tensor.features.split(tensor.cells.scene_lengths(len(conditions.scenes))))
        for condition in present:
            own = conditions.scenes_of(condition)
            rows = scenes[own[0]] if len(own) == 1 else torch.cat([scenes[scene] for scene in own])
            if rows.shape[0] == 0:
                continue
            lengths = [scenes[scene].shape[0] for scene in own]
            normalised = self._normalised(rows, condition, conditions).split(lengths)
            for scene, scene_rows in zip(own, normalised, strict=True):
                scenes[scene] = scene_rows
        return torch.cat(scenes)

    def affine(
        self, condition: int, context: Float[Tensor, "conditions context"] | None
    ) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]:
        """Scale and shift that follow the normalisation under a condition, the context's included."""
        norm = self.norm_of(condition)
        if self.modulation is None:
            return norm.weight, norm.bias
        assert context is not None, "a network with adaptive norms has a context for each condition"
        shift, scale = self.modulation(context[condition]).chunk(2)
        return norm.weight * (1 + scale), norm.bias * (1 + scale) + shift

    def norm_of(self, condition: int) -> PointBatchNorm:
        """The norm of one condition."""
        return cast(PointBatchNorm, self.norms[condition])

    def _normalised(
        self, rows: Float[Tensor, "points channels"], condition: int, conditions: SceneConditions
    ) -> Float[Tensor, "points channels"]:
        return self.norm_of(condition).normalise(rows, *self.affine(condition, conditions.context))


@dataclass(frozen=True, slots=True, kw_only=True)
class NormKind:
    """Which norms a network has.

    Attributes:
        conditions: how many datasets have norms of their own; 0 for plain norms.
        context_channels: of the context that adapts them; 0 where none does.
    """

    conditions: int = 0
    context_channels: int = 0

    def build(
        self, channels: int, generator: torch.Generator | None = None
    ) -> PointBatchNorm | ConditionNorm:
        """A new norm of this kind."""
        if self.conditions == 0:
            return PointBatchNorm(channels)
        return ConditionNorm(channels, self.conditions, self.context_channels, generator)


def normalised(
    norm: PointBatchNorm | ConditionNorm, tensor: SparseTensor, conditions: SceneConditions | None
) -> Float[Tensor, "cells channels"]:
    """The tensor's features, normalised; ``conditions`` are only read by norms that have some."""
    if isinstance(norm, PointBatchNorm):
        return norm(tensor.features)
    assert conditions is not None, "a network with conditions passes them to its norms"
    return norm(tensor, conditions)


def normalised_and_rectified(
    norm: PointBatchNorm | ConditionNorm, tensor: SparseTensor, conditions: SceneConditions | None
) -> SparseTensor:
    """``relu(norm(features))``; the rectifier works in place, since no gradient needs what came before it."""
    return tensor.with_features(torch.relu_(normalised(norm, tensor, conditions)))


def plain_norms(norm: PointBatchNorm | ConditionNorm) -> tuple[PointBatchNorm, ...]:
    """Every batch normalisation in ``norm``: one, or one for each condition."""
    if isinstance(norm, PointBatchNorm):
        return (norm,)
    return tuple(norm.norm_of(condition) for condition in range(len(norm.norms)))
