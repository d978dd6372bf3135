"""Choosing among proposals that overlap: non-maximum suppression by the IoU of their points."""

import numpy as np
import torch
from jaxtyping import Float, Int
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt
from scipy.sparse import csr_matrix
from torch import Tensor

from ponder_tasks.instances.point_instances import PointInstances


class SelectionConfig(BaseModel):
    """Which proposals are predictions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    overlap: float = Field(
        default=0.3, ge=0, le=1, description="IoU above which only the surer proposal is kept"
    )
    minimum_score: float = Field(default=0.09, ge=0, le=1, description="proposals less sure are dropped")
    minimum_points: NonNegativeInt = Field(default=100, description="predictions of fewer points are dropped")


def suppress(proposals: PointInstances, overlap: float) -> Int[Tensor, " kept"]:
    """Return the proposals to keep, surest first: each that no surer kept one overlaps by an IoU above ``overlap``.

    Whatever their class: two things cannot be in one place. Equal scores keep their order.
    """
    order = torch.argsort(-proposals.score, stable=True)
    iou = point_iou(proposals.select(order))
    kept: list[int] = []
    for place in range(len(order)):
        if not kept or iou[place, kept].max() <= overlap:
            kept.append(place)
    return order[torch.tensor(kept, dtype=torch.int64)]


def point_iou(instances: PointInstances) -> Float[np.ndarray, "instances instances"]:
    """Return the IoU of every two sets of points."""
    count = len(instances)
    if count == 0:
        return np.zeros((0, 0))
    ends = np.concatenate([[0], instances.offsets.numpy()])
    ones = np.ones(len(instances.point))
    belongs = csr_matrix((ones, instances.point.numpy(), ends), shape=(count, int(instances.point.max()) + 1))
    shared = np.asarray(belongs.dot(belongs.T).todense())
    sizes = instances.sizes().numpy()
    return shared / (sizes[:, None] + sizes[None] - shared)
