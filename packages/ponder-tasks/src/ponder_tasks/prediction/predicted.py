"""What a model says of a scene, and the files that hold it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from ponder_data import Scene, write_points_ply
from torch import Tensor

from ponder_tasks.prediction.colored_points import ColoredPoints
from ponder_tasks.report.palette import class_palette, label_colors
from ponder_tasks.run_folder import write_atomically


@runtime_checkable
class Predicted(Protocol):
    """What every task's prediction offers, so that it can be written."""

    @property
    def scene(self) -> Scene:
        """The scene it is about, as it was given."""
        ...

    def drawing(self) -> ColoredPoints:
        """The scene's points in colours that show what was found there, and more points after them where it draws."""
        ...

    def as_tree(self) -> Mapping[str, Any]:
        """All that was found, as ``json.dumps`` takes it."""
        ...

    def summary(self) -> str:
        """What was found in a few words."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedClasses:
    """The class of every point.

    Attributes:
        scene: as it was given.
        semantic: the most probable class of each of its points.
        confidence: its probability.
        class_names: one per class.
    """

    scene: Scene
    semantic: Int[Tensor, " points"]
    confidence: Float[Tensor, " points"]
    class_names: tuple[str, ...]

    def colors(self) -> Float[Tensor, "points 3"]:
        """Each point in the colour of its class, as on the report page."""
        palette = class_palette(len(self.class_names))
        return torch.from_numpy(label_colors(self.semantic.numpy(), palette)).float()

    def drawing(self) -> ColoredPoints:
        """The scene's points in the colours of their classes."""
        return ColoredPoints(coord=self.scene.coord, color=self.colors())

    def as_tree(self) -> Mapping[str, Any]:
        """Classes with their colours and numbers of points, and of each point its class and the probability."""
        palette = class_palette(len(self.class_names)).tolist()
        counts = torch.bincount(self.semantic, minlength=len(self.class_names)).tolist()
        rows = zip(self.class_names, palette, counts, strict=True)
        return {
            "classes": [
                {"name": name, "color": [round(255 * part) for part in color], "points": count}
                for name, color, count in rows
            ],
            "semantic": self.semantic.tolist(),
            "confidence": [round(value, 4) for value in self.confidence.tolist()],
        }

    def summary(self) -> str:
        """The classes that occur, the most frequent first, with their shares."""
        counts = torch.bincount(self.semantic, minlength=len(self.class_names))
        order = counts.argsort(descending=True, stable=True).tolist()
        shares = [
            (self.class_names[i], 100 * int(counts[i]) / len(self.semantic)) for i in order if counts[i]
        ]
        return ", ".join(f"{name} {share:.1f} %" for name, share in shares)


def json_beside(output: Path) -> Path:
    """Return where the JSON of a coloured cloud goes: beside it, with the same name."""
    return output.with_suffix(".json")


def check_prediction_output(output: Path) -> None:
    """Return if a prediction can be written to ``output``.

    Raises:
        ValueError: when it does not end in .ply or its folder is not there.
    """
    if output.suffix.lower() != ".ply":
        raise ValueError(f"output {output} must end in .ply; the JSON is written beside it")
    if not output.parent.is_dir():
        raise ValueError(f"output folder {output.parent} is not there; make it first")


def write_prediction(predicted: Predicted, output: Path, about: Mapping[str, str]) -> None:
    """Write the scene in the prediction's colours to ``output``, and all that was found to the JSON beside it.

    Args:
        predicted: what was found.
        output: the .ply file.
        about: where it comes from; goes first in the JSON.

    Raises:
        ValueError: when the file does not end in .ply or its folder is not there.
    """
    check_prediction_output(output)
    tree = {**about, "points": len(predicted.scene), **predicted.as_tree()}
    aside = output.with_name(f".{output.stem}.partial.ply")
    drawing = predicted.drawing()
    write_points_ply(aside, drawing.coord, drawing.color)
    aside.replace(output)
    write_atomically(json_beside(output), json.dumps(tree) + "\n")
