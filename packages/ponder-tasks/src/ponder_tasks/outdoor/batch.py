"""A batch of driving scenes: LiDAR points, camera pictures, and the rays to render."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from ponder_data import Batch, Rays, Sample, View, collate
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The pictures of all cameras of a batch, all of one size; cameras are OpenCV, poses in their scene's LiDAR frame.

    Attributes:
        color: in [0, 1], channels first.
        depth: z-depth in metres of the LiDAR's returns, 0 where there is none.
        intrinsics: of pictures of this size.
        camera_to_world: poses.
        scene_index: which scene of the batch each picture belongs to, ascending.
    """

    color: Float[Tensor, "pictures 3 height width"]
    depth: Float[Tensor, "pictures height width"]
    intrinsics: Float[Tensor, "pictures 3 3"]
    camera_to_world: Float[Tensor, "pictures 4 4"]
    scene_index: Int[Tensor, " pictures"]

    def __len__(self) -> int:
        return self.color.shape[0]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Pictures":
        """Return the pictures on ``device``."""
        return Pictures(
            **{f.name: getattr(self, f.name).to(device, non_blocking=non_blocking) for f in fields(self)}
        )

    def pin_memory(self) -> "Pictures":
        """Return the pictures in page-locked memory."""
        return Pictures(**{f.name: getattr(self, f.name).pin_memory() for f in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class StreetSample:
    """One driving scene ready to be packed: its points and rays, which of these are open, and its pictures."""

    sample: Sample
    open: Bool[Tensor, " rays"] | None
    pictures: Pictures | None


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
    pictures: Pictures | None

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


def stack_pictures(views: Sequence[View]) -> Pictures:
    """Return the pictures of one scene.

    Raises:
        ValueError: when there is none, or they differ in size.
    """
    sizes = {(view.width, view.height) for view in views}
    if len(sizes) != 1:
        raise ValueError(
            f"a scene's pictures must have one size to be looked at together, but have {sorted(sizes)}; "
            "set image_width and image_height of the data"
        )
    return Pictures(
        color=torch.stack([view.color.permute(2, 0, 1) for view in views]),
        depth=torch.stack([view.depth for view in views]),
        intrinsics=torch.stack([view.intrinsics for view in views]),
        camera_to_world=torch.stack([view.camera_to_world for view in views]),
        scene_index=torch.zeros(len(views), dtype=torch.int64),
    )


def pack_streets(samples: Sequence[StreetSample]) -> StreetBatch:
    """Pack samples into one batch.

    Raises:
        ValueError: as ``ponder_data.collate``, or when pictures of different scenes differ in size.
    """
    opened = [sample.open for sample in samples if sample.open is not None]
    return StreetBatch(
        points=collate([sample.sample for sample in samples]),
        open=torch.cat(opened) if opened else None,
        pictures=_packed_pictures([sample.pictures for sample in samples]),
    )


def _packed_pictures(parts: Sequence[Pictures | None]) -> Pictures | None:
    given = [
        replace(part, scene_index=torch.full_like(part.scene_index, scene))
        for scene, part in enumerate(parts)
        if part is not None
    ]
    if not given:
        return None
    sizes = {tuple(part.color.shape[2:]) for part in given}
    if len(sizes) > 1:
        raise ValueError(
            f"pictures of one batch must have one size (rows, columns), but have {sorted(sizes)}; set image_width and "
            "image_height of the data"
        )
    return Pictures(
        **{f.name: torch.cat([getattr(part, f.name) for part in given]) for f in fields(Pictures)}
    )
