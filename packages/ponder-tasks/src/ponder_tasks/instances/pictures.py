"""What the report shows of instance segmentation: predicted against true instances, from three sides."""

import numpy as np
from jaxtyping import Bool, Float, Int
from torch import Tensor

from ponder_tasks.instances.point_instances import PointInstances
from ponder_tasks.instances.prediction import InstancesOfScene
from ponder_tasks.report.palette import class_palette, label_colors
from ponder_tasks.report.pictures import RIGHT, WRONG, CloudLayer, CloudPictures

MISSED = (0.93, 0.62, 0.10)
"""Points of a true instance that its prediction lacks."""


def instance_pictures(
    found: InstancesOfScene, things: Bool[Tensor, " classes"], minimum_points: int
) -> CloudPictures:
    """Return a scene in four colourings: input, true instances, predicted instances, and how they agree.

    A predicted instance has the colour of the true instance it shares the most points with, so that equal colours are
    the same thing; what is split or invented stands out by a colour of its own.
    """
    scene = found.scene
    assert scene.semantic is not None, "only labelled scenes are compared with their labels"
    assert scene.instance is not None, "only labelled scenes are compared with their labels"
    counted = (scene.semantic >= 0) & things.cpu()[scene.semantic.clamp(min=0)]
    truth = np.where(counted.numpy(), scene.instance.numpy(), -1)
    numbers, truth = _numbered(truth)
    predicted = painted(found.instances, len(truth))
    colors = class_palette(numbers + len(found.instances))
    partner = _partners(predicted, truth, len(found.instances), numbers)
    turned = np.append(partner, -1)[predicted]  # the last stands for points of none
    marks, words = _agreement(truth, turned, numbers, minimum_points)
    return CloudPictures(
        name=scene.name,
        coord=scene.coord.numpy(),
        layers=(
            CloudLayer(caption="Input colours", color=scene.color.numpy()),
            CloudLayer(caption=f"{numbers} true instances", color=label_colors(truth, colors)),
            CloudLayer(
                caption=f"{len(found.instances)} predicted instances",
                color=label_colors(turned, colors),
                predicted=True,
            ),
            CloudLayer(caption=words, color=marks, predicted=True),
        ),
        legend=(("right", RIGHT), ("missed", MISSED), ("wrongly claimed", WRONG)),
        note="A predicted instance has the colour of the true one it shares most with; grey belongs to none.",
    )


def painted(instances: PointInstances, points: int) -> Int[np.ndarray, " points"]:
    """Return the surest instance of each point, -1 for points of none; ``instances`` are ordered surest first."""
    owner = np.full(points, -1, dtype=np.int64)
    # Repeated indices keep the last value written, so the surest is written last.
    owner[instances.point.numpy()[::-1]] = instances.owner().numpy()[::-1]
    return owner


def _numbered(ids: Int[np.ndarray, " points"]) -> tuple[int, Int[np.ndarray, " points"]]:
    """Return how many different ids there are, and the points' instances counted from 0; -1 stays."""
    present = np.unique(ids[ids >= 0])
    return len(present), np.where(ids >= 0, np.searchsorted(present, ids), -1)


def _partners(
    predicted: Int[np.ndarray, " points"], truth: Int[np.ndarray, " points"], predictions: int, truths: int
) -> Int[np.ndarray, " predictions"]:
    """Return, for each prediction, the true instance it stands for, each taken once; others get numbers after them."""
    shared = np.zeros((predictions, truths), dtype=np.int64)
    both = (predicted >= 0) & (truth >= 0)
    np.add.at(shared, (predicted[both], truth[both]), 1)
    partner = truths + np.arange(predictions)
    while shared.size and shared.max() > 0:
        one, other = np.unravel_index(int(shared.argmax()), shared.shape)
        partner[one] = other
        shared[one], shared[:, other] = 0, 0
    return partner


def _agreement(
    truth: Int[np.ndarray, " points"], predicted: Int[np.ndarray, " points"], truths: int, minimum: int
) -> tuple[Float[np.ndarray, "points 3"], str]:
    """Return a colour for each point and the words under it; an instance is found at an IoU above one half."""
    found = np.zeros(truths, dtype=bool)
    large = np.bincount(truth[truth >= 0], minlength=truths) >= minimum
    for number in range(truths):
        one, other = truth == number, predicted == number
        found[number] = 2 * (one & other).sum() > (one | other).sum()
    wrong = (predicted >= 0) & (predicted != truth)
    of_missed = (truth >= 0) & (predicted != truth)
    marks = np.full((len(truth), 3), RIGHT)
    marks[of_missed] = MISSED
    marks[wrong] = WRONG
    counts = f"{int((found & large).sum())} of {int(large.sum())} instances of {minimum} points or more"
    return marks, f"{counts} found (IoU > 0.5)"
