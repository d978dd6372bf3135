"""The pictures of several scenes as the camera branch takes them: of one size, with their own intrinsics and poses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from ponder_encoders.image.cameras import CameraBatch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneImages:
    """The pictures of one scene.

    Attributes:
        color: 8-bit RGB: a quarter of what floats would take on the way from the loader's workers to the device.
        intrinsics: for pixels of ``color``.
        camera_to_world: poses in the frame of the scene, which for LiDAR with cameras is that of the LiDAR.
        depth: z-depth in metres of the LiDAR's points that fall into the pictures, 0 elsewhere; None: not asked for.
    """

    color: UInt8[Tensor, "cameras 3 height width"]
    intrinsics: Float[Tensor, "cameras 3 3"]
    camera_to_world: Float[Tensor, "cameras 4 4"]
    depth: Float[Tensor, "cameras height width"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBatch:
    """The pictures of a batch of scenes; the fields are those of :class:`SceneImages`, scene by scene."""

    color: UInt8[Tensor, "scenes cameras 3 height width"]
    intrinsics: Float[Tensor, "scenes cameras 3 3"]
    camera_to_world: Float[Tensor, "scenes cameras 4 4"]
    depth: Float[Tensor, "scenes cameras height width"] | None = None

    def __len__(self) -> int:
        return self.color.shape[0]

    def cameras(self) -> CameraBatch:
        """Return the pictures as an image encoder takes them, colours in [0, 1]."""
        return CameraBatch(
            images=self.color.float() / 255.0,
            intrinsics=self.intrinsics,
            camera_to_world=self.camera_to_world,
        )

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "ImageBatch":
        """Return the batch on ``device``."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "ImageBatch":
        """Return the batch in page-locked memory."""
        return self._each(lambda tensor: tensor.pin_memory())

    def _each(self, change: Callable[[Tensor], Tensor]) -> "ImageBatch":
        return ImageBatch(
            color=change(self.color),
            intrinsics=change(self.intrinsics),
            camera_to_world=change(self.camera_to_world),
            depth=None if self.depth is None else change(self.depth),
        )


def pack_images(scenes: Sequence[SceneImages]) -> ImageBatch:
    """Stack the pictures of scenes.

    Raises:
        ValueError: no scenes, scenes with different numbers of cameras or sizes, or only some with depth.
    """
    if len(scenes) == 0:
        raise ValueError("pack_images: got no scenes; a batch holds at least one")
    shapes = [tuple(scene.color.shape) for scene in scenes]
    if len(set(shapes)) > 1:
        raise ValueError(
            f"pack_images: every scene needs as many pictures of the same size, not (cameras, 3, height, width) "
            f"{shapes}: leave out scenes that lack a camera"
        )
    depth = [scene.depth for scene in scenes if scene.depth is not None]
    if len(depth) not in (0, len(scenes)):
        raise ValueError(
            f"pack_images: {len(depth)} of {len(scenes)} scenes have depth; prepare all with depth, or none"
        )
    return ImageBatch(
        color=torch.stack([scene.color for scene in scenes]),
        intrinsics=torch.stack([scene.intrinsics for scene in scenes]),
        camera_to_world=torch.stack([scene.camera_to_world for scene in scenes]),
        depth=torch.stack(depth) if depth else None,
    )
