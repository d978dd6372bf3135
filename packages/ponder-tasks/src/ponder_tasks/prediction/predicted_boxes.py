"""The boxes that a model finds in a scene."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from ponder_data import Scene
from torch import Tensor

from ponder_tasks.boxes.corners import box_corners, points_inside
from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.detect.pictures import FAINT, SHOWN_SCORE
from ponder_tasks.prediction.colored_points import ColoredPoints
from ponder_tasks.prediction.words import counted_words
from ponder_tasks.report.box_lines import EDGES
from ponder_tasks.report.palette import class_palette

EDGE_POINTS = 100
"""Points along each edge of a box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedBoxes:
    """Upright oriented boxes, each of one class.

    Attributes:
        scene: as it was given; the boxes are in its frame.
        boxes: centre and full sizes (m), heading (rad about +Z), the surest first.
        label: class of each.
        score: how sure each is that there is an object, in [0, 1].
        class_names: one per class.
    """

    scene: Scene
    boxes: OrientedBoxes
    label: Int[Tensor, " boxes"]
    score: Float[Tensor, " boxes"]
    class_names: tuple[str, ...]

    def sure(self) -> Int[Tensor, " sure"]:
        """The boxes that are drawn and told of: those at least 50 % sure."""
        return torch.nonzero(self.score >= SHOWN_SCORE).flatten()

    def colors(self) -> Float[Tensor, "points 3"]:
        """Each point in the colour of the class of the surest box around it; faint where it is in none."""
        grey = self.scene.color.mean(dim=1, keepdim=True).expand(-1, 3)
        color = 1.0 - FAINT + FAINT * grey
        palette = torch.from_numpy(class_palette(len(self.class_names))).float()
        sure = self.sure()
        # The surest comes first and is painted last. One box at a time: all together are boxes times points.
        for row in sure.flip(0).tolist():
            inside = points_inside(self.scene.coord, self.boxes.take(torch.tensor([row])))[0]
            color = torch.where(inside[:, None], palette[self.label[row]], color)
        return color

    def drawing(self) -> ColoredPoints:
        """The scene's points, and after them points along the edges of the boxes that are at least 50 % sure."""
        sure = self.sure()
        corners = box_corners(self.boxes.take(sure))
        start, end = torch.tensor(EDGES).unbind(dim=1)
        along = torch.linspace(0, 1, EDGE_POINTS)[:, None]
        edges = corners[:, start, None] * (1 - along) + corners[:, end, None] * along
        palette = torch.from_numpy(class_palette(len(self.class_names))).float()
        edge_colors = palette[self.label[sure]][:, None, None].expand_as(edges)
        return ColoredPoints(
            coord=torch.cat((self.scene.coord, edges.reshape(-1, 3))),
            color=torch.cat((self.colors(), edge_colors.reshape(-1, 3))),
        )

    def as_tree(self) -> Mapping[str, Any]:
        """Every box with its class, score, centre, sizes (m) and heading (rad about +Z), also those hardly sure."""
        palette = class_palette(len(self.class_names)).tolist()
        rows = zip(
            self.label.tolist(),
            self.score.tolist(),
            self.boxes.center.tolist(),
            self.boxes.size.tolist(),
            self.boxes.heading.tolist(),
            strict=True,
        )
        return {
            "classes": [
                {"name": name, "color": [round(255 * part) for part in color]}
                for name, color in zip(self.class_names, palette, strict=True)
            ],
            "drawn_from_score": SHOWN_SCORE,
            "boxes": [
                {
                    "class": self.class_names[label],
                    "score": round(score, 4),
                    "center": [round(part, 4) for part in center],
                    "size": [round(part, 4) for part in size],
                    "heading": round(heading, 4),
                }
                for label, score, center, size, heading in rows
            ],
        }

    def summary(self) -> str:
        """How many boxes of each class are at least 50 % sure, and how many are less."""
        sure = self.sure()
        less = len(self.boxes) - len(sure)
        more = f" (and {less} less than {SHOWN_SCORE:.0%} sure, in the JSON only)" if less else ""
        return counted_words(self.label[sure], self.class_names) + more
