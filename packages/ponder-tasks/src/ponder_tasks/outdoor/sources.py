"""From a recipe to its volume source: the one place that knows all of them."""

from ponder_tasks.outdoor.lidar_source import LidarSource
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.outdoor.volume_source import VolumeSource


def build_source(recipe: StreetsPretrainRecipe) -> VolumeSource:
    """Return the untrained volume source of the recipe's sensors."""
    return LidarSource(recipe.encoder, recipe.box, recipe.renderer.volume_shape)
