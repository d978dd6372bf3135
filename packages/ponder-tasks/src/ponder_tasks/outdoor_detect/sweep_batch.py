"""Batches of LiDAR sweeps with their boxes: continuous points, which VoxelNet puts into its own cells."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from jaxtyping import Float, Int
from ponder_data import AugmentationConfig, PackedBoxes, Rays, Scene, Scenes, augment, pack_boxes
from ponder_encoders import PositionBatch
from torch import Tensor

from ponder_tasks.recipe import TrainerConfig
from ponder_tasks.scene_sequence import SceneSequence

SWEEP_CHANNELS = 2
"""Intensity, and seconds before the keyframe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepBatch:
    """Packed sweeps of several scenes.

    Attributes:
        coord: metres, each in the (augmented) frame of its LiDAR.
        features: intensity in [0, 1] and seconds before the keyframe.
        offsets: cumulative number of points.
        boxes: of all scenes, or None where a scene does not know its boxes.
        names: one per scene.
    """

    coord: Float[Tensor, "points 3"]
    features: Float[Tensor, "points 2"]
    offsets: Int[Tensor, " batch"]
    boxes: PackedBoxes | None
    names: tuple[str, ...]

    @property
    def rays(self) -> Rays | None:
        """Nothing is rendered."""
        return None

    def points(self) -> PositionBatch:
        """Return what a VoxelNet reads."""
        return PositionBatch(positions=self.coord, features=self.features, offsets=self.offsets)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "SweepBatch":
        """Return the batch on ``device``; ``non_blocking`` helps after :meth:`pin_memory`."""
        return self._each(lambda value: value.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "SweepBatch":
        """Return the batch in page-locked memory."""
        return self._each(lambda value: value.pin_memory())

    def _each(self, change: Any) -> "SweepBatch":
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {
            name: change(value) for name, value in values.items() if isinstance(value, Tensor | PackedBoxes)
        }
        return replace(self, **moved)


def sweeps_only(scene: Scene) -> Scene:
    """Return the scene without pictures.

    Raises:
        ValueError: when its points are no LiDAR returns: they have no intensity or no time.
    """
    if scene.intensity is None or scene.time is None:
        raise ValueError(
            f"scene {scene.name!r} of {scene.dataset!r} has no intensity and times of LiDAR returns; detection "
            "outdoors reads sweeps, such as those of streets or nuscenes"
        )
    return replace(scene, views=(), held_out_views=())


def pack_sweeps(scenes: Sequence[Scene]) -> SweepBatch:
    """Return the sweeps of ``scenes``, packed.

    Raises:
        ValueError: when there is no scene, or one has no LiDAR returns.
    """
    scenes = [sweeps_only(scene) for scene in scenes]
    columns = [
        torch.stack((scene.intensity, scene.time), dim=1).float()
        for scene in scenes
        if scene.intensity is not None and scene.time is not None
    ]
    boxes = [scene.boxes for scene in scenes if scene.boxes is not None]
    return SweepBatch(
        coord=torch.cat([scene.coord for scene in scenes]),
        features=torch.cat(columns),
        offsets=torch.tensor([len(scene) for scene in scenes]).cumsum(0),
        boxes=pack_boxes(boxes) if len(boxes) == len(scenes) else None,
        names=tuple(scene.name for scene in scenes),
    )


class SweepSequence(SceneSequence[Scene]):
    """``sequence[step]`` holds the augmented sweeps of that step's scenes."""

    def __init__(
        self,
        scenes: Scenes,
        augmentation: AugmentationConfig,
        trainer: TrainerConfig,
        *,
        rank: int,
        world_size: int,
    ) -> None:
        super().__init__(scenes, trainer, rank=rank, world_size=world_size)
        self.augmentation = augmentation

    def draw(self, index: int, generator: torch.Generator) -> Scene:
        """Return the augmented scene without pictures."""
        return augment(sweeps_only(self.scenes[index]), self.augmentation, generator)

    def pack(self, samples: Sequence[Scene]) -> SweepBatch:
        """Return the batch of ``samples``."""
        return pack_sweeps(samples)
