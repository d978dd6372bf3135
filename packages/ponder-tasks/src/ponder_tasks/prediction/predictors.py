"""A run's model as an object: ``load(run).predict(scene)``. The one place that says which run predicts what."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from ponder_data import Scene

from ponder_tasks.checkpoint import Weights, load_weights
from ponder_tasks.devices import check_device
from ponder_tasks.prediction.box_predictor import BoxPredictor
from ponder_tasks.prediction.instance_predictor import InstancePredictor
from ponder_tasks.prediction.predicted import Predicted, PredictedClasses
from ponder_tasks.recipe import DetectRecipe, InstanceRecipe, SegmentRecipe
from ponder_tasks.scene_sources import open_scenes
from ponder_tasks.segment.model import SegmentationModel, segmentation_model
from ponder_tasks.whole_scene import whole_scene


@runtime_checkable
class Predictor(Protocol):
    """A trained model that says something of scenes."""

    def predict(self, scene: Scene) -> Predicted:
        """Return what the model says of ``scene``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPredictor:
    """A trained segmentation: it says of every point which class it is.

    Attributes:
        model: in evaluation mode.
        grid_size: of its encoder, metres.
        class_names: one per class.
    """

    model: SegmentationModel
    grid_size: float
    class_names: tuple[str, ...]

    @torch.no_grad()
    def predict(self, scene: Scene) -> PredictedClasses:
        """Return the class of every point of ``scene``; points of one grid cell share theirs.

        Raises:
            ValueError: when the scene has fewer than two points or values that are not finite.
        """
        whole = whole_scene(scene, self.grid_size)
        device = next(self.model.parameters()).device
        chance, best = self.model.logits(whole.batch.to(device)).softmax(dim=1).max(dim=1)
        return PredictedClasses(
            scene=scene,
            semantic=best.cpu()[whole.inverse],
            confidence=chance.cpu()[whole.inverse],
            class_names=self.class_names,
        )


def load_predictor(run: Path, *, device: str = "cpu") -> Predictor:
    """Return the model of ``run``, ready to predict.

    Args:
        run: a run folder, a checkpoint folder or a ``model.safetensors`` file.
        device: where to compute.

    Raises:
        ValueError: when it cannot be read, or a run of its task predicts nothing.
    """
    check_device(device)
    weights = load_weights(run)
    match weights.recipe:
        case SegmentRecipe():
            return _class_predictor(weights, weights.recipe, device)
        case InstanceRecipe():
            return InstancePredictor.of_run(weights, weights.recipe, device)
        case DetectRecipe():
            return BoxPredictor.of_run(weights, weights.recipe, device)
        case recipe:
            raise ValueError(
                f"{run} ({recipe.name}, task {recipe.task}) predicts nothing of scans; give a run of "
                "segmentation, instances or detection, such as one of ponder finetune rooms-semseg"
            )


def _class_predictor(weights: Weights, recipe: SegmentRecipe, device: str) -> ClassPredictor:
    scenes = open_scenes(recipe.val_data)
    model = segmentation_model(recipe, scenes)
    model.load_state_dict(dict(weights.tensors))
    return ClassPredictor(
        model=model.eval().to(device), grid_size=recipe.sample.grid_size, class_names=scenes.class_names
    )
