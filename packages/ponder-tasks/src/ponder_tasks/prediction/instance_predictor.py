"""A trained instance segmentation as an object."""

from dataclasses import dataclass

from ponder_data import Scene

from ponder_tasks.checkpoint import Weights
from ponder_tasks.instances.model import InstanceModel
from ponder_tasks.instances.prediction import find_instances
from ponder_tasks.instances.suppression import SelectionConfig
from ponder_tasks.prediction.predicted_instances import PredictedInstances
from ponder_tasks.recipe import InstanceRecipe
from ponder_tasks.scene_sources import open_scenes


@dataclass(frozen=True, slots=True, kw_only=True)
class InstancePredictor:
    """It says of every point which class it is and which thing it belongs to.

    Attributes:
        model: in evaluation mode.
        grid_size: of its encoder, metres.
        selection: which proposals are predicted.
        class_names: one per class.
    """

    model: InstanceModel
    grid_size: float
    selection: SelectionConfig
    class_names: tuple[str, ...]

    @classmethod
    def of_run(cls, weights: Weights, recipe: InstanceRecipe, device: str) -> "InstancePredictor":
        """Return the model of a run.

        Raises:
            ValueError: when the data of the recipe, which names the classes, is not there.
        """
        class_names = open_scenes(recipe.val_data).class_names
        model = InstanceModel(recipe, class_names)
        model.load_state_dict(dict(weights.tensors))
        return cls(
            model=model.eval().to(device),
            grid_size=recipe.sample.grid_size,
            selection=recipe.selection,
            class_names=class_names,
        )

    def predict(self, scene: Scene) -> PredictedInstances:
        """Return the things in ``scene``; points of one grid cell belong to the same.

        Raises:
            ValueError: when the scene has fewer than two points or values that are not finite.
        """
        found = find_instances(self.model, scene, self.grid_size, self.selection)
        return PredictedInstances(
            scene=scene, instances=found.instances, semantic=found.semantic, class_names=self.class_names
        )
