"""A trained detector as an object."""

from dataclasses import dataclass

import torch
from ponder_data import Scene

from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.checkpoint import Weights
from ponder_tasks.detect.model import DetectionModel
from ponder_tasks.prediction.predicted_boxes import PredictedBoxes
from ponder_tasks.recipe import DetectRecipe
from ponder_tasks.scene_sources import open_scenes
from ponder_tasks.whole_scene import whole_scene


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxPredictor:
    """It says which boxes there are in a scene.

    Attributes:
        model: in evaluation mode.
        grid_size: of its encoder, metres.
    """

    model: DetectionModel
    grid_size: float

    @classmethod
    def of_run(cls, weights: Weights, recipe: DetectRecipe, device: str) -> "BoxPredictor":
        """Return the model of a run.

        Raises:
            ValueError: when the data of the recipe, which names the classes, is not there.
        """
        model = DetectionModel(recipe, open_scenes(recipe.val_data).class_names)
        model.load_state_dict(dict(weights.tensors))
        return cls(model=model.eval().to(device), grid_size=recipe.sample.grid_size)

    @torch.no_grad()
    def predict(self, scene: Scene) -> PredictedBoxes:
        """Return the boxes in ``scene``, each for its likeliest class, in the frame of the scene as it is given.

        Raises:
            ValueError: when the scene has fewer than two points or values that are not finite.
        """
        whole = whole_scene(scene, self.grid_size)
        device = self.model.mean_sizes.device
        found = self.model.detect(whole.batch.to(device)).to("cpu").detections(every_class=False)
        moved = scene.coord[0] - whole.scene.coord[0]  # the model sees the scene centred
        boxes = OrientedBoxes(
            center=found.boxes.center + moved, size=found.boxes.size, heading=found.boxes.heading
        )
        return PredictedBoxes(
            scene=scene, boxes=boxes, label=found.label, score=found.score, class_names=self.model.classes
        )
