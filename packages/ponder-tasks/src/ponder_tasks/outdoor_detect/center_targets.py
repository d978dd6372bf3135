"""What the centre head should say, and how far it is from saying it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from ponder_data.scene import IGNORE_LABEL
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_render import Losses, LossTerm
from torch import Tensor

from ponder_tasks.outdoor_detect.box_code import code_distance, encode_boxes
from ponder_tasks.outdoor_detect.center_head import CLASSES, CenterHeadConfig, CenterMaps
from ponder_tasks.outdoor_detect.driving_boxes import DrivingBoxes
from ponder_tasks.outdoor_detect.heatmap import draw_heatmap, gaussian_radius, heatmap_focal_loss


@dataclass(frozen=True, slots=True, kw_only=True)
class CenterTargets:
    """What is true of the cells of a batch.

    Attributes:
        heatmap: 1 at the cell of each centre, falling off around it.
        place: scene, group, and cell along x and y of each box.
        code: of each box, x and y in cells from the lower corner of its cell.
        attribute: of each box, -1 where it has none.
    """

    heatmap: Float[Tensor, "batch classes X Y"]
    place: Int[Tensor, "boxes 4"]
    code: Float[Tensor, "boxes 10"]
    attribute: Int[Tensor, " boxes"]


def center_targets(truth: Sequence[DrivingBoxes], grid: VoxelGrid, config: CenterHeadConfig) -> CenterTargets:
    """Return the targets of the boxes of each scene; boxes that do not stand over ``grid`` have none."""
    heatmaps, places, codes, attributes = [], [], [], []
    group_of_class = torch.tensor(config.group_of_class())
    for scene, everywhere in enumerate(truth):
        boxes = everywhere.within(grid)
        code = encode_boxes(boxes)
        lower, size = code.new_tensor(grid.lower[:2]), code.new_tensor(grid.cell_size[:2])
        position = (code[:, :2] - lower) / size
        cell = position.floor().long()
        cell = torch.minimum(cell, cell.new_tensor(grid.shape[:2]) - 1)
        radius = gaussian_radius(boxes.geometry.size[:, :2] / size, config.overlap)
        heatmaps.append(
            draw_heatmap(
                cell,
                radius.long().clamp_min(config.least_radius),
                boxes.label,
                classes=CLASSES,
                shape=(grid.shape[0], grid.shape[1]),
            )
        )
        group = group_of_class.to(boxes.label.device)[boxes.label]
        places.append(torch.stack((torch.full_like(group, scene), group, cell[:, 0], cell[:, 1]), dim=1))
        codes.append(torch.cat((position - cell, code[:, 2:]), dim=1))
        attributes.append(boxes.attribute)
    return CenterTargets(
        heatmap=torch.stack(heatmaps),
        place=torch.cat(places),
        code=torch.cat(codes),
        attribute=torch.cat(attributes),
    )


def center_losses(maps: CenterMaps, targets: CenterTargets, config: CenterHeadConfig) -> Losses:
    """Return the focal loss of the heatmap, the L1 loss of the codes and the cross-entropy of the attributes.

    The last two are means over boxes, read at the cell of each box's centre.
    """
    scene, group, x, y = targets.place.unbind(dim=1)
    code = maps.code[scene, group, :, x, y]
    weights = (1.0,) * 8 + (config.velocity_weight,) * 2
    boxes = max(len(targets.place), 1)
    logits = maps.attribute[scene, group, :, x, y]
    known = (targets.attribute != IGNORE_LABEL).sum().clamp_min(1)
    attribute = F.cross_entropy(logits, targets.attribute, ignore_index=IGNORE_LABEL, reduction="sum") / known
    return Losses(
        terms=(
            LossTerm(name="heatmap", value=heatmap_focal_loss(maps.heatmap, targets.heatmap), weight=1.0),
            LossTerm(
                name="box",
                value=code_distance(code, targets.code, weights) / boxes,
                weight=config.box_weight,
            ),
            LossTerm(name="attribute", value=attribute, weight=config.attribute_weight),
        )
    )
