"""How far the queries are from the truth, and the boxes that they believe in."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from ponder_data.scene import IGNORE_LABEL
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_render import Losses, LossTerm
from torch import Tensor

from ponder_tasks.outdoor_detect.attributes import choose_attribute
from ponder_tasks.outdoor_detect.box_code import code_distance, decode_boxes, encode_boxes
from ponder_tasks.outdoor_detect.driving_boxes import Detections, DrivingBoxes
from ponder_tasks.outdoor_detect.matching import focal_loss, match, matching_cost
from ponder_tasks.outdoor_detect.query_head import QueryAnswers, QueryHeadConfig


def query_losses(
    answers: QueryAnswers, truth: Sequence[DrivingBoxes], grid: VoxelGrid, config: QueryHeadConfig
) -> Losses:
    """Return focal, L1 and attribute losses, each the mean over layers, for each true box over ``grid``.

    Every layer is matched by itself. A query that is matched to no box is to say that it is of no class.
    """
    boxes = [everywhere.within(grid) for everywhere in truth]
    count = max(sum(len(one) for one in boxes), 1)
    known = max(sum(int((one.attribute != IGNORE_LABEL).sum()) for one in boxes), 1)
    weights = (1.0,) * 8 + (config.velocity_weight,) * 2
    layers = answers.score.shape[0]
    totals = answers.score.new_zeros(3)
    for layer in range(layers):
        for scene, one in enumerate(boxes):
            totals = totals + _scene_losses(answers, layer, scene, one, weights, config)
    score, box, attribute = (totals / layers).unbind()
    return Losses(
        terms=(
            LossTerm(name="class", value=score / count, weight=config.class_weight),
            LossTerm(name="box", value=box / count, weight=config.box_weight),
            LossTerm(name="attribute", value=attribute / known, weight=config.attribute_weight),
        )
    )


def _scene_losses(
    answers: QueryAnswers,
    layer: int,
    scene: int,
    boxes: DrivingBoxes,
    weights: tuple[float, ...],
    config: QueryHeadConfig,
) -> Tensor:
    """Return the summed class, box and attribute losses of one scene after one layer."""
    score, code = answers.score[layer, scene], answers.code[layer, scene]
    true_code = encode_boxes(boxes)
    cost = matching_cost(
        score,
        code,
        boxes.label,
        true_code,
        class_weight=config.class_weight,
        box_weight=config.box_weight,
    )
    query, box = match(cost)
    target = torch.zeros_like(score)
    target[query, boxes.label[box]] = 1.0
    attribute = F.cross_entropy(
        answers.attribute[layer, scene, query],
        boxes.attribute[box],
        ignore_index=IGNORE_LABEL,
        reduction="sum",
    )
    return torch.stack(
        (focal_loss(score, target), code_distance(code[query], true_code[box], weights), attribute)
    )


@torch.no_grad()
def query_detections(answers: QueryAnswers, config: QueryHeadConfig) -> tuple[Detections, ...]:
    """Return, for each scene, the surest pairs of a query and a class after the last layer; no suppression."""
    found = []
    for score, code, attribute in zip(
        answers.score[-1].sigmoid(), answers.code[-1], answers.attribute[-1], strict=True
    ):
        best, index = score.flatten().topk(min(config.boxes, score.numel()))
        query, label = index // score.shape[1], index % score.shape[1]
        chosen = choose_attribute(attribute[query], label)
        found.append(Detections(boxes=decode_boxes(code[query], label, chosen), score=best))
    return tuple(found)
