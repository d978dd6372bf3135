"""``streets-camera`` and ``streets-fusion``: the six cameras of synthetic streets, alone and with the LiDAR."""

from ponder_encoders.fusion import VolumeFusionConfig
from ponder_encoders.image.depth_bins import DepthBinsConfig
from ponder_encoders.image.pyramid import FeaturePyramidConfig

from ponder_tasks.outdoor.camera_volume import CameraVolumeConfig
from ponder_tasks.outdoor.image_window import ImageWindowConfig
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.recipes.streets import streets


def small_camera() -> CameraVolumeConfig:
    """The smallest ConvNeXt, from random weights, on pictures of 200 x 112 pixels."""
    return CameraVolumeConfig(
        window=ImageWindowConfig(width=200, height=112, zoom=(1.0, 1.1)),
        backbone="convnext_atto",
        weights="random",
        stages=(1, 2),
        pyramid=FeaturePyramidConfig(channels=64, normalise=True),
        channels=32,
        depth_bins=DepthBinsConfig(nearest=1.0, farthest=57.0, count=32, spacing="linear-increasing"),
        layers=1,
    )


def streets_camera() -> StreetsPretrainRecipe:
    """Return the recipe: pictures in, with blocks of 32 pixels hidden, and the same pictures out."""
    recipe = streets()
    changes = {
        "name": "streets-camera",
        "description": "pre-train on the six cameras of synthetic streets: about ten minutes on two CPU cores",
        "sensors": "camera",
        "camera": small_camera(),
        "trainer": recipe.trainer.model_copy(update={"batch_size": 1}),
    }
    return recipe.model_copy(update=changes)


def streets_fusion() -> StreetsPretrainRecipe:
    """Return the recipe: LiDAR and cameras, each masked as alone, added in the cells of the box."""
    changes = {
        "name": "streets-fusion",
        "description": "pre-train on LiDAR and cameras of synthetic streets: about ten minutes on two CPU cores",
        "sensors": "fusion",
        "fusion": VolumeFusionConfig(channels=32),
    }
    return streets_camera().model_copy(update=changes)
