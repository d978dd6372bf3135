"""The batch: several scenes packed into one, as the encoders take them.

Points are packed, never padded: row ``i`` of scene ``b`` lies in ``offsets[b - 1] : offsets[b]``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ponder_data.packed_boxes import PackedBoxes, pack_boxes
from ponder_data.rays import Rays, concatenate_rays, with_scene_index
from ponder_data.sample import Sample
from ponder_data.scene import IGNORE_LABEL, Scene


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Packed points of several scenes, and the rays to render for them.

    Attributes:
        coord: metres, the (augmented) world frame of each scene.
        grid_coord: integer cell of each point, non-negative within each scene.
        features: what the encoder reads: 6 channels, colour scaled to [-1, 1] and the unit normal; of a vehicle's
            LiDAR 4 channels, see :func:`sweep_features`.
        offsets: cumulative number of points; the last is the total.
        lower, upper: corners of each scene's axis-aligned bounds before points were dropped, metres.
        semantic: class of each point, -1 where unknown.
        instance: instance of each point, -1 where none.
        rays: rays of all scenes, or None where nothing is rendered.
        names, datasets: one per scene.
        conditions: of each scene, whose norms an encoder that has some for each of several datasets takes.
        boxes: of all scenes, or None where a scene does not know its boxes.
    """

    coord: Float[Tensor, "points 3"]
    grid_coord: Int[Tensor, "points 3"]
    features: Float[Tensor, "points channels"]
    offsets: Int[Tensor, " batch"]
    lower: Float[Tensor, "batch 3"]
    upper: Float[Tensor, "batch 3"]
    semantic: Int[Tensor, " points"]
    instance: Int[Tensor, " points"]
    rays: Rays | None
    names: tuple[str, ...]
    datasets: tuple[str, ...]
    conditions: tuple[str, ...]
    boxes: PackedBoxes | None = None

    def __len__(self) -> int:
        return self.offsets.shape[0]

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Batch":
        """Return the batch, rays and boxes included, on ``device``; ``non_blocking`` helps after :meth:`pin_memory`."""
        moved = {
            f.name: getattr(self, f.name).to(device, non_blocking=non_blocking)
            for f in fields(self)
            if isinstance(getattr(self, f.name), Tensor | Rays | PackedBoxes)
        }
        return replace(self, **moved)

    def pin_memory(self) -> "Batch":
        """Return the batch in page-locked memory, as ``DataLoader(pin_memory=True)`` asks for by itself."""
        pinned = {
            f.name: getattr(self, f.name).pin_memory()
            for f in fields(self)
            if isinstance(getattr(self, f.name), Tensor | Rays | PackedBoxes)
        }
        return replace(self, **pinned)


def point_features(
    color: Float[Tensor, "points 3"], normal: Float[Tensor, "points 3"]
) -> Float[Tensor, "points 6"]:
    """Return what the encoders read of each point: colour scaled to [-1, 1], then the unit normal."""
    return torch.cat((color * 2.0 - 1.0, normal), dim=1)


def sweep_features(scene: Scene) -> Float[Tensor, "points 4"]:
    """Return what the encoders read of a vehicle's LiDAR, each of about unit size.

    Height over the sensor / 2 m, horizontal distance from it / 25 m, intensity, seconds before the keyframe / 0.5 s.
    None of them changes when the scene is turned about the vehicle; intensity is 0 where the sensor does not tell it.
    """
    assert scene.time is not None, "only sweeps have times"
    intensity = torch.zeros_like(scene.time) if scene.intensity is None else scene.intensity
    distance = torch.linalg.vector_norm(scene.coord[:, :2], dim=1)
    columns = (scene.coord[:, 2] / 2.0, distance / 25.0, intensity, scene.time / 0.5)
    return torch.stack([column.to(scene.coord.dtype) for column in columns], dim=1)


def scene_features(scene: Scene) -> Float[Tensor, "points channels"]:
    """Return what the encoders read: of a vehicle's LiDAR :func:`sweep_features`, else :func:`point_features`."""
    return sweep_features(scene) if scene.is_swept else point_features(scene.color, scene.normal)


def _packed_features(samples: Sequence[Sample]) -> Float[Tensor, "points channels"]:
    if len({sample.scene.is_swept for sample in samples}) > 1:
        names = ", ".join(sample.scene.name for sample in samples)
        raise ValueError(
            f"collate: of {names}, some are a vehicle's LiDAR and some are not, and encoders read other features of "
            "them; train on one kind"
        )
    return torch.cat([scene_features(sample.scene) for sample in samples])


def _packed_labels(samples: Sequence[Sample], name: str) -> Int[Tensor, " points"]:
    """Return one label per point over all samples, -1 for scenes that have none."""
    labels = []
    for sample in samples:
        values = getattr(sample.scene, name)
        missing = torch.full((len(sample.scene),), IGNORE_LABEL, device=sample.scene.coord.device)
        labels.append(missing if values is None else values.long())
    return torch.cat(labels)


def _packed_grid(samples: Sequence[Sample]) -> Int[Tensor, "points 3"]:
    cells = []
    for sample in samples:
        if sample.scene.grid_coord is None:
            raise ValueError(
                f"collate: scene {sample.scene.name!r} has no grid_coord; "
                "pass it through prepare_sample or sample_scene"
            )
        cells.append(sample.scene.grid_coord)
    return torch.cat(cells)


def _packed_rays(samples: Sequence[Sample]) -> Rays | None:
    """Return the rays of all samples, each marked with its place in the batch."""
    with_rays = [sample for sample in samples if sample.rays is not None]
    if not with_rays:
        return None
    if len(with_rays) < len(samples):
        raise ValueError(
            f"collate: {len(with_rays)} of {len(samples)} samples have rays; "
            "prepare all of them with rays, or none"
        )
    return concatenate_rays(
        [with_scene_index(sample.rays, i) for i, sample in enumerate(samples) if sample.rays is not None]
    )


def _packed_boxes(samples: Sequence[Sample]) -> PackedBoxes | None:
    """Return the boxes of all samples, unless one does not know its boxes, which is not the same as having none."""
    boxes = [sample.scene.boxes for sample in samples if sample.scene.boxes is not None]
    return pack_boxes(boxes) if len(boxes) == len(samples) else None


def collate(samples: Sequence[Sample]) -> Batch:
    """Pack samples into one batch; labels that a scene lacks become -1.

    Raises:
        ValueError: when there is no sample, a scene was not sampled on the grid, or only some samples have
            rays, or are a vehicle's LiDAR.
    """
    if len(samples) == 0:
        raise ValueError("collate: got no samples; a batch holds at least one scene")
    scenes = [sample.scene for sample in samples]
    coord = torch.cat([scene.coord for scene in scenes])
    return Batch(
        coord=coord,
        grid_coord=_packed_grid(samples),
        features=_packed_features(samples),
        offsets=torch.tensor([len(scene) for scene in scenes], device=coord.device).cumsum(0),
        lower=torch.stack([sample.lower for sample in samples]),
        upper=torch.stack([sample.upper for sample in samples]),
        semantic=_packed_labels(samples, "semantic"),
        instance=_packed_labels(samples, "instance"),
        rays=_packed_rays(samples),
        names=tuple(scene.name for scene in scenes),
        datasets=tuple(scene.dataset for scene in scenes),
        conditions=tuple(scene.condition or scene.dataset for scene in scenes),
        boxes=_packed_boxes(samples),
    )
