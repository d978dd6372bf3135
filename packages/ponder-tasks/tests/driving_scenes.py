"""Small driving scenes and recipes for tests."""

from pathlib import Path

import numpy as np
import torch
from ponder_data import SyntheticStreetsConfig
from ponder_data.streets.lidar import LidarConfig
from ponder_encoders import SparseUNetConfig
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.recipe import SegmentRecipe, TrainerConfig
from ponder_tasks.recipes import get_recipe

ENCODER = SparseUNetConfig(in_channels=4, base_channels=8, channels=(8, 8), layers=(1, 1), backend="torch")


def small_streets(**changes: object) -> SyntheticStreetsConfig:
    values = {
        "scenes": 1,
        "keyframes": 1,
        "image_width": 50,
        "image_height": 28,
        "lidar": LidarConfig(columns=270),
    }
    return SyntheticStreetsConfig.model_validate({**values, **changes})


def small_pretraining() -> StreetsPretrainRecipe:
    recipe = get_recipe("streets")
    assert isinstance(recipe, StreetsPretrainRecipe)
    sampler = recipe.renderer.sampler.model_copy(update={"uniform": 12, "importance": 4})
    return recipe.model_copy(
        update={
            "train_data": small_streets(),
            "val_data": small_streets(split="val", depth="rendered"),
            "encoder": ENCODER,
            "sample": recipe.sample.model_copy(update={"rays_per_view": 16, "grid_size": 0.5}),
            "renderer": recipe.renderer.model_copy(update={"volume_shape": (20, 20, 5), "sampler": sampler}),
            "evaluation": recipe.evaluation.model_copy(update={"scenes": 1, "pixel_stride": 4}),
            "trainer": TrainerConfig(steps=2, batch_size=1, workers=0, accelerator="cpu"),
        }
    )


def small_segmentation(name: str = "lidarseg-semseg") -> SegmentRecipe:
    recipe = get_recipe(name)
    assert isinstance(recipe, SegmentRecipe)
    return recipe.model_copy(
        update={
            "encoder": ENCODER,
            "sample": recipe.sample.model_copy(update={"grid_size": 0.5}),
            "trainer": TrainerConfig(steps=2, batch_size=1, workers=0, accelerator="cpu"),
        }
    )


def write_sweeps(folder: Path, count: int, points: int = 400) -> None:
    """Write labelled sweeps as nuScenes does; the first 20 points of each are on the vehicle itself."""
    generator = torch.Generator().manual_seed(0)
    for number in range(count):
        table = torch.rand(points, 5, generator=generator).numpy()
        table[:, :2] = 20 * table[:, :2] + 2
        table[:20, :2] = 0.5
        table[:, 2] -= 2
        labels = np.where(table[:, 0] > 12, 24, 30).astype(np.uint8)
        (folder / f"{number:02d}.pcd.bin").write_bytes(table.astype(np.float32).tobytes())
        (folder / f"{number:02d}_lidarseg.bin").write_bytes(labels.tobytes())
