"""The instances of a whole scene, as a trained model sees them."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from ponder_data import Scene
from torch import Tensor

from ponder_tasks.instances.model import InstanceModel
from ponder_tasks.instances.point_instances import PointInstances
from ponder_tasks.instances.suppression import SelectionConfig, suppress
from ponder_tasks.whole_scene import whole_scene


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancesOfScene:
    """A scene, the instances found in it (surest first), and the class predicted for each of its points."""

    scene: Scene
    instances: PointInstances
    semantic: Int[Tensor, " points"]


@torch.no_grad()
def find_instances(
    model: InstanceModel, scene: Scene, grid_size: float, config: SelectionConfig
) -> InstancesOfScene:
    """Find the instances of ``scene``; points of one grid cell share theirs. On the CPU, deterministic.

    Raises:
        ValueError: when the scene has fewer than two points or values that are not finite.
    """
    whole = whole_scene(scene, grid_size)
    batch = whole.batch.to(next(model.parameters()).device)
    outputs = model.point_outputs(batch)
    proposals = model.proposals(batch, outputs)
    if len(proposals):
        logits = model.scorer(outputs.features, batch.coord, proposals)
        proposals = proposals.scored(logits.float().sigmoid().cpu())
    chosen = select(proposals.spread(whole.inverse), config)
    semantic = outputs.logits.argmax(dim=1).cpu()[whole.inverse]
    return InstancesOfScene(scene=whole.scene, instances=chosen, semantic=semantic)


def select(proposals: PointInstances, config: SelectionConfig) -> PointInstances:
    """Return the predictions among ``proposals``, surest first: sure and large enough, and not suppressed."""
    enough = (proposals.score >= config.minimum_score) & (proposals.sizes() >= config.minimum_points)
    candidates = proposals.select(enough.nonzero().squeeze(1))
    return candidates.select(suppress(candidates, config.overlap))
