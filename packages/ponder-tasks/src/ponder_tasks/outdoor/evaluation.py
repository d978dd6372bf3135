"""Measuring outdoor pre-training: the pictures of validation scenes, rendered from what the sensors saw."""

from ponder_data import Scenes

from ponder_tasks.listener import Measurement
from ponder_tasks.outdoor.held_out import encode_street, pictured_scenes, render_street
from ponder_tasks.outdoor.model import StreetsPretrainModel
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.pretrain.evaluation import HeldOutFigures


def measure_streets(
    model: StreetsPretrainModel, scenes: Scenes, recipe: StreetsPretrainRecipe
) -> tuple[Measurement, ...]:
    """Return PSNR and depth errors over rendered pictures, and what trivial guesses reach on the same pixels.

    Raises:
        ValueError: when a scene has no picture.
    """
    figures = HeldOutFigures(())
    for scene in pictured_scenes(scenes, recipe):
        for rendered in render_street(model, encode_street(model, scene, recipe), recipe):
            figures.add(rendered)
    return figures.measurements()
