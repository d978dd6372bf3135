"""From the maps of the centre head to boxes: peaks, what is regressed there, and suppression in circles."""

import torch
import torch.nn.functional as F
from ponder_encoders.image.voxel_grid import VoxelGrid

from ponder_tasks.boxes.suppression import suppress_in_circles
from ponder_tasks.outdoor_detect.attributes import choose_attribute
from ponder_tasks.outdoor_detect.box_code import decode_boxes
from ponder_tasks.outdoor_detect.center_head import CenterHeadConfig, CenterMaps
from ponder_tasks.outdoor_detect.driving_boxes import Detections


@torch.no_grad()
def center_detections(maps: CenterMaps, grid: VoxelGrid, config: CenterHeadConfig) -> tuple[Detections, ...]:
    """Return the detections of each scene: cells that are the highest of the 3 x 3 about them, by falling score.

    Of two detections of a class nearer than the suppression radius of its group, the surer one stays.
    """
    score = maps.heatmap.sigmoid()
    peak = score == F.max_pool2d(score, 3, stride=1, padding=1)
    score = torch.where(peak & (score >= config.least_score), score, 0.0)
    group_of_class = torch.tensor(config.group_of_class(), device=score.device)
    radius_of_class = torch.tensor(config.radius_of_class(), device=score.device)
    found = []
    for scene in range(score.shape[0]):
        best, index = score[scene].flatten().topk(min(4 * config.boxes, score[scene].numel()))
        best, index = best[best > 0], index[best > 0]
        label, x, y = torch.unravel_index(index, score[scene].shape)
        group = group_of_class[label]
        code = maps.code[scene, group, :, x, y]
        cell = torch.stack((x, y), dim=1)
        size, lower = code.new_tensor(grid.cell_size[:2]), code.new_tensor(grid.lower[:2])
        code = torch.cat(((cell + code[:, :2]) * size + lower, code[:, 2:]), dim=1)
        attribute = choose_attribute(maps.attribute[scene, group, :, x, y], label)
        detections = Detections(boxes=decode_boxes(code, label, attribute), score=best)
        # In units of its class's radius, every class has the radius one.
        scaled = code[:, :2] / radius_of_class[label][:, None]
        kept = suppress_in_circles(scaled, best, 1.0, labels=label)
        found.append(detections.take(kept[: config.boxes]))
    return tuple(found)
