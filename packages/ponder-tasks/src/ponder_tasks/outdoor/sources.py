"""From a recipe to its volume source: the one place that knows all of them."""

from ponder_tasks.outdoor.camera_source import CameraSource
from ponder_tasks.outdoor.fused_source import FusedSource
from ponder_tasks.outdoor.lidar_source import LidarSource
from ponder_tasks.outdoor.recipe import SensorRecipe
from ponder_tasks.outdoor.volume_source import VolumeSource


def build_source(recipe: SensorRecipe, shape: tuple[int, int, int]) -> VolumeSource:
    """Return the untrained volume source of the recipe's sensors, with ``shape`` cells along x, y and z of its box.

    Raises:
        ImportError: cameras are encoded, but timm is not installed.
        ValueError: the image network is unknown, or its weights cannot be had.
    """
    match recipe.sensors:
        case "lidar":
            return _lidar(recipe, shape)
        case "camera":
            return CameraSource(recipe.camera, recipe.box, shape)
        case "fusion":
            camera = CameraSource(recipe.camera, recipe.box, shape)
            return FusedSource(_lidar(recipe, shape), camera, recipe.fusion)


def _lidar(recipe: SensorRecipe, shape: tuple[int, int, int]) -> LidarSource:
    return LidarSource(recipe.encoder, recipe.box, shape, normalise_points=recipe.normalise_points)
