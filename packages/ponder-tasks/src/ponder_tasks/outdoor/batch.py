"""A batch of driving scenes: LiDAR points, camera pictures, and the rays to render."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from ponder_data import Batch, Rays, Sample, collate
from torch import Tensor

from ponder_tasks.outdoor.image_batch import ImageBatch, SceneImages, pack_images


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetSample:
    """One driving scene ready to be packed: its points and rays, which of these are open, and its pictures."""

    sample: Sample
    open: Bool[Tensor, " rays"] | None
    pictures: SceneImages | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetBatch:
    """Several driving scenes.

    Attributes:
        points: the LiDAR's, masked and on the grid; ``points.features`` are ``ponder_data.sweep_features``. Its rays
            are those to render; where there are none, nothing is.
        open: which rays cross the box without meeting anything.
        pictures: of all cameras, unmasked; None where no camera is looked at.
    """

    points: Batch
    open: Bool[Tensor, " rays"] | None
    pictures: ImageBatch | None

    def __len__(self) -> int:
        return len(self.points)

    @property
    def coord(self) -> Float[Tensor, "points 3"]:
        """The points, metres in the LiDAR's frame."""
        return self.points.coord

    @property
    def rays(self) -> Rays | None:
        """The rays to render."""
        return self.points.rays

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "StreetBatch":
        """Return the batch on ``device``."""
        return StreetBatch(
            points=self.points.to(device, non_blocking),
            open=None if self.open is None else self.open.to(device, non_blocking=non_blocking),
            pictures=None if self.pictures is None else self.pictures.to(device, non_blocking),
        )

    def pin_memory(self) -> "StreetBatch":
        """Return the batch in page-locked memory."""
        return StreetBatch(
            points=self.points.pin_memory(),
            open=None if self.open is None else self.open.pin_memory(),
            pictures=None if self.pictures is None else self.pictures.pin_memory(),
        )


def pack_streets(samples: Sequence[StreetSample]) -> StreetBatch:
    """Pack samples into one batch.

    Raises:
        ValueError: as ``ponder_data.collate``, or when scenes have different numbers of pictures.
    """
    pictures = [sample.pictures for sample in samples if sample.pictures is not None]
    opened = [sample.open for sample in samples if sample.open is not None]
    return StreetBatch(
        points=collate([sample.sample for sample in samples]),
        open=torch.cat(opened) if opened else None,
        pictures=pack_images(pictures) if pictures else None,
    )
