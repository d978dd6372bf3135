"""The centre head: from the volume seen from above to heatmaps and box codes (CenterPoint; Yin et al., CVPR 2021)."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from ponder_data.nuscenes.classes import NUSCENES_ATTRIBUTES, NUSCENES_DETECTION_CLASSES
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    field_validator,
    model_validator,
)
from torch import Tensor, nn

from ponder_tasks.outdoor_detect.box_code import CODE

CLASSES = len(NUSCENES_DETECTION_CLASSES)
ATTRIBUTES = len(NUSCENES_ATTRIBUTES)
NUMBERS = CODE + ATTRIBUTES
"""What a group of classes regresses in each cell."""

PUBLISHED_GROUPS = (
    ("car",),
    ("truck", "construction_vehicle"),
    ("bus", "trailer"),
    ("barrier",),
    ("motorcycle", "bicycle"),
    ("pedestrian", "traffic_cone"),
)
PUBLISHED_RADII = (2.0, 3.46, 3.16, 1.0, 0.92, 0.42)
"""Metres. CenterPoint's file has their squares, which its code compares with squared distances."""


class CenterHeadConfig(BaseModel):
    """Sizes of a :class:`CenterHead`, what its targets look like, and how boxes are read off."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["center"] = "center"
    channels: PositiveInt = Field(default=64, description="of the two-dimensional network")
    layers: PositiveInt = Field(default=2, description="convolutions of each of its two scales")
    groups: tuple[tuple[str, ...], ...] = Field(
        default=PUBLISHED_GROUPS, description="classes that share what is regressed"
    )
    suppression_radii: tuple[PositiveFloat, ...] = Field(
        default=PUBLISHED_RADII,
        description="of each group, metres: of two centres of a class nearer than this the surer one stays",
    )
    overlap: float = Field(
        default=0.1, gt=0, lt=1, description="what a box at the edge of a peak must still overlap"
    )
    least_radius: PositiveInt = Field(default=2, description="of a peak, cells")
    box_weight: PositiveFloat = Field(default=0.25, description="of the L1 loss beside the heatmap's")
    velocity_weight: PositiveFloat = Field(default=0.2, description="of velocities within the L1 loss")
    attribute_weight: PositiveFloat = 0.1
    boxes: PositiveInt = Field(default=300, le=500, description="at most, of each scene")
    least_score: float = Field(default=0.05, ge=0, lt=1, description="boxes less sure are dropped")

    @model_validator(mode="after")
    def _a_radius_for_each_group(self) -> "CenterHeadConfig":
        if len(self.suppression_radii) != len(self.groups):
            raise ValueError(
                f"{len(self.groups)} groups need as many suppression_radii, not {len(self.suppression_radii)}"
            )
        return self

    @field_validator("groups")
    @classmethod
    def _every_class_once(cls, value: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        named = sorted(name for group in value for name in group)
        if named != sorted(NUSCENES_DETECTION_CLASSES):
            raise ValueError(
                f"groups name {', '.join(named)}; each of {', '.join(sorted(NUSCENES_DETECTION_CLASSES))} must "
                "be in one group"
            )
        return value

    def group_of_class(self) -> tuple[int, ...]:
        """Return the index of each class's group."""
        return tuple(
            next(index for index, group in enumerate(self.groups) if name in group)
            for name in NUSCENES_DETECTION_CLASSES
        )

    def radius_of_class(self) -> tuple[float, ...]:
        """Return the suppression radius of each class, metres."""
        return tuple(self.suppression_radii[group] for group in self.group_of_class())


@dataclass(frozen=True, slots=True, kw_only=True)
class CenterMaps:
    """What a :class:`CenterHead` says of every cell.

    Attributes:
        heatmap: logits that a box of the class has its centre there.
        code: of each group; x and y are cells from the lower corner of the cell, in [0, 1).
        attribute: logits, of each group.
    """

    heatmap: Float[Tensor, "batch classes X Y"]
    code: Float[Tensor, "batch groups 10 X Y"]
    attribute: Float[Tensor, "batch groups attributes X Y"]


def seen_from_above(volume: Float[Tensor, "batch channels X Y Z"]) -> Float[Tensor, "batch channels*Z X Y"]:
    """Return a volume as a map: heights become channels, a channel's heights next to each other."""
    return volume.permute(0, 1, 4, 2, 3).flatten(1, 2)


class CenterHead(nn.Module):
    """Two-dimensional convolutions at two scales, then heatmaps of the classes and codes of the groups.

    Args:
        channels: of the volume.
        heights: cells of the volume along z.
        config: the sizes.
    """

    def __init__(self, channels: int, heights: int, config: CenterHeadConfig) -> None:
        super().__init__()
        self.config = config
        width, groups = config.channels, len(config.groups)
        self.fine = convolutions(channels * heights, width, config.layers, stride=1)
        self.coarse = convolutions(width, 2 * width, config.layers, stride=2)
        self.widen = nn.Sequential(
            nn.ConvTranspose2d(2 * width, width, 2, stride=2, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.shared = convolutions(2 * width, width, 1, stride=1)
        self.heatmap = nn.Sequential(*convolutions(width, width, 1, stride=1), nn.Conv2d(width, CLASSES, 1))
        self.numbers = nn.Sequential(
            *convolutions(width, width, 1, stride=1), nn.Conv2d(width, groups * NUMBERS, 1)
        )
        # sigmoid(-2.19) = 0.1: with rare peaks, a map of one half everywhere would begin with a large loss.
        last = self.heatmap[-1]
        assert isinstance(last, nn.Conv2d), "the branch ends in a convolution"
        assert last.bias is not None, "which has biases"
        nn.init.constant_(last.bias, -2.19)

    def forward(self, volume: Float[Tensor, "batch channels X Y Z"]) -> CenterMaps:
        """Return the maps of a volume whose X and Y are even; over the same cells.

        Raises:
            ValueError: when X or Y is odd.
        """
        if volume.shape[2] % 2 or volume.shape[3] % 2:
            raise ValueError(
                f"the centre head halves its map once, but the volume has {volume.shape[2]} x {volume.shape[3]} "
                "cells; choose a grid with even numbers"
            )
        fine = self.fine(seen_from_above(volume))
        features = self.shared(torch.cat((fine, self.widen(self.coarse(fine))), dim=1))
        numbers = self.numbers(features).unflatten(1, (len(self.config.groups), NUMBERS)).float()
        return CenterMaps(
            heatmap=self.heatmap(features).float(), code=numbers[:, :, :CODE], attribute=numbers[:, :, CODE:]
        )


def convolutions(inputs: int, outputs: int, layers: int, *, stride: int) -> nn.Sequential:
    """Return 3x3 convolutions with batch norms and ReLUs, the first with a stride."""
    parts: list[nn.Module] = []
    for index in range(layers):
        parts += [
            nn.Conv2d(
                inputs if index == 0 else outputs,
                outputs,
                3,
                stride=stride if index == 0 else 1,
                padding=1,
                bias=False,
            ),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        ]
    return nn.Sequential(*parts)
