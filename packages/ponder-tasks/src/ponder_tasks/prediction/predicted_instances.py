"""The things that a model finds in a scene."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from ponder_data import Scene
from torch import Tensor

from ponder_tasks.instances.pictures import painted
from ponder_tasks.instances.point_instances import PointInstances
from ponder_tasks.prediction.colored_points import ColoredPoints
from ponder_tasks.prediction.words import counted_words
from ponder_tasks.report.palette import class_palette, label_colors


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedInstances:
    """The class of every point, and the things that points belong to.

    Attributes:
        scene: as it was given.
        instances: what was found, surest first; they may share points.
        semantic: the most probable class of each of the scene's points.
        class_names: one per class.
    """

    scene: Scene
    instances: PointInstances
    semantic: Int[Tensor, " points"]
    class_names: tuple[str, ...]

    def instance(self) -> Int[Tensor, " points"]:
        """The surest instance of each point by its number in ``instances``; -1 for points of none."""
        return torch.from_numpy(painted(self.instances, len(self.scene)))

    def colors(self) -> Float[Tensor, "points 3"]:
        """Each point in the colour of its instance, and grey where it belongs to none."""
        palette = class_palette(len(self.instances))
        return torch.from_numpy(label_colors(self.instance().numpy(), palette)).float()

    def drawing(self) -> ColoredPoints:
        """The scene's points in the colours of their instances."""
        return ColoredPoints(coord=self.scene.coord, color=self.colors())

    def as_tree(self) -> Mapping[str, Any]:
        """Each instance with its class, score, colour and size; of each point its class and its instance."""
        found, palette = self.instances, class_palette(len(self.instances)).tolist()
        rows = zip(found.label.tolist(), found.score.tolist(), found.sizes().tolist(), palette, strict=True)
        return {
            "class_names": list(self.class_names),
            "instances": [
                {
                    "instance": number,
                    "class": self.class_names[label],
                    "score": round(score, 4),
                    "points": points,
                    "color": [round(255 * part) for part in color],
                }
                for number, (label, score, points, color) in enumerate(rows)
            ],
            "semantic": self.semantic.tolist(),
            "instance": self.instance().tolist(),
        }

    def summary(self) -> str:
        """How many things of each class were found."""
        return counted_words(self.instances.label, self.class_names)
