"""Small recipes of pre-training and detection on volumes of LiDAR, cameras or both, for tests."""

from pathlib import Path

import torch
from driving_scenes import ENCODER, small_streets
from ponder_data.streets.lidar import LidarConfig
from ponder_encoders.fusion import VolumeFusionConfig
from ponder_encoders.image.depth_bins import DepthBinsConfig
from ponder_encoders.image.masking import ImageMaskingConfig
from ponder_encoders.image.pyramid import FeaturePyramidConfig
from ponder_render import SamplerConfig
from ponder_tasks.checkpoint import save_weights
from ponder_tasks.outdoor.camera_volume import CameraVolumeConfig
from ponder_tasks.outdoor.image_window import ImageWindowConfig
from ponder_tasks.outdoor.model import StreetsPretrainModel
from ponder_tasks.outdoor.recipe import Sensors, StreetsPretrainRecipe
from ponder_tasks.recipe import TrainerConfig, VolumeDetectRecipe
from ponder_tasks.recipes import get_recipe

PRETRAINING: dict[Sensors, str] = {
    "lidar": "streets",
    "camera": "streets-camera",
    "fusion": "streets-fusion",
}
DETECTION: dict[Sensors, str] = {
    "lidar": "streets-detect",
    "camera": "streets-camera-detect",
    "fusion": "streets-fusion-detect",
}
CAMERA = CameraVolumeConfig(
    window=ImageWindowConfig(width=64, height=36),
    backbone="test_convnext",
    weights="random",
    masking=ImageMaskingConfig(block=8),
    pyramid=FeaturePyramidConfig(channels=16, normalise=True),
    channels=16,
    depth_bins=DepthBinsConfig(nearest=1.0, farthest=49.0, count=16),
)
STREETS = {"image_width": 64, "image_height": 36, "lidar": LidarConfig(columns=120)}
TRAINER = TrainerConfig(steps=2, batch_size=1, workers=0, accelerator="cpu")


def tiny_pretraining(sensors: Sensors) -> StreetsPretrainRecipe:
    recipe = get_recipe(PRETRAINING[sensors])
    assert isinstance(recipe, StreetsPretrainRecipe)
    sampler = SamplerConfig(uniform=12, importance=4)
    return recipe.model_copy(
        update={
            "train_data": small_streets(**STREETS),
            "val_data": small_streets(**STREETS, split="val"),
            "encoder": ENCODER,
            "camera": CAMERA,
            "fusion": VolumeFusionConfig(channels=16),
            "sample": recipe.sample.model_copy(update={"rays_per_view": 8, "grid_size": 0.5}),
            "renderer": recipe.renderer.model_copy(update={"volume_shape": (16, 16, 5), "sampler": sampler}),
            "evaluation": recipe.evaluation.model_copy(update={"scenes": 1, "pixel_stride": 8}),
            "trainer": TRAINER,
        }
    )


def tiny_detection(sensors: Sensors, name: str | None = None) -> VolumeDetectRecipe:
    recipe = get_recipe(name or DETECTION[sensors])
    assert isinstance(recipe, VolumeDetectRecipe)
    sizes = {"channels": 16} if recipe.head.kind == "queries" else {"channels": 8, "layers": 1}
    return recipe.model_copy(
        update={
            "train_data": small_streets(**STREETS, first=9),
            "val_data": small_streets(**STREETS, split="val"),
            "encoder": ENCODER,
            "camera": CAMERA.model_copy(update={"masking": None}),
            "fusion": VolumeFusionConfig(channels=16),
            "sample": recipe.sample.model_copy(update={"grid_size": 0.8}),
            "volume_shape": (24, 24, 5),
            "neck": recipe.neck.model_copy(update={"channels": 16}),
            "head": recipe.head.model_copy(update=sizes),
            "trainer": TRAINER,
        }
    )


def written_pretraining(sensors: Sensors, folder: Path) -> Path:
    """Write weights of an untrained model with statistics of its own, as a pre-training run leaves them."""
    recipe = tiny_pretraining(sensors)
    torch.manual_seed(7)
    tensors = {
        name: (value + 0.1 * torch.rand_like(value)).contiguous() if value.is_floating_point() else value
        for name, value in StreetsPretrainModel(recipe).state_dict().items()
    }
    save_weights(folder / "checkpoints", tensors=tensors, recipe=recipe)
    return folder
