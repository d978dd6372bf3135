"""The boxes of several scenes, packed into one, as a batch carries them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Int
from torch import Tensor

from ponder_data.scene import Boxes


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedBoxes:
    """Boxes one scene after the other: those of scene ``b`` lie in ``offsets[b - 1] : offsets[b]``.

    Attributes:
        boxes: of all scenes, each in the frame of its scene's points.
        offsets: cumulative number of boxes; a scene may have none.
    """

    boxes: Boxes
    offsets: Int[Tensor, " batch"]

    def __len__(self) -> int:
        return len(self.boxes)

    def scene_index(self) -> Int[Tensor, " boxes"]:
        """Return the scene of each box, counted within the batch."""
        rows = torch.arange(len(self.boxes), device=self.offsets.device)
        return torch.searchsorted(self.offsets, rows, right=True)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "PackedBoxes":
        """Return the boxes on ``device``."""
        return self._each(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> "PackedBoxes":
        """Return the boxes in page-locked memory."""
        return self._each(lambda tensor: tensor.pin_memory())

    def _each(self, change: Callable[[Tensor], Tensor]) -> "PackedBoxes":
        changed = {
            f.name: change(value)
            for f in fields(self.boxes)
            if isinstance(value := getattr(self.boxes, f.name), Tensor)
        }
        return PackedBoxes(boxes=replace(self.boxes, **changed), offsets=change(self.offsets))


def pack_boxes(parts: Sequence[Boxes]) -> PackedBoxes:
    """Return the boxes of several scenes as one; what only some of them know (velocity, ...) is left out.

    Raises:
        ValueError: when there is no scene.
    """
    if len(parts) == 0:
        raise ValueError(
            "there are no boxes to pack; pass the boxes of at least one scene, which may be empty"
        )
    joined: dict[str, Tensor | None] = {}
    for field in fields(Boxes):
        values = [getattr(part, field.name) for part in parts]
        known = all(value is not None for value in values)
        joined[field.name] = torch.cat(values) if known else None
    counts = torch.tensor([len(part) for part in parts], device=parts[0].center.device)
    return PackedBoxes(boxes=replace(parts[0], **joined), offsets=counts.cumsum(0))
