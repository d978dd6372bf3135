"""The recipes: Python functions, each returning one complete ``Recipe``."""

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from ponder_tasks.recipe import TrainingRecipe
from ponder_tasks.recipes.indoor import indoor
from ponder_tasks.recipes.indoor_cpu import indoor_cpu
from ponder_tasks.recipes.indoor_small import indoor_small
from ponder_tasks.recipes.meshes_reconstruct import meshes_reconstruct
from ponder_tasks.recipes.nuscenes_camera import nuscenes_camera, nuscenes_fusion
from ponder_tasks.recipes.nuscenes_lidar import nuscenes_lidar
from ponder_tasks.recipes.nuscenes_semseg import lidarseg_semseg, nuscenes_semseg
from ponder_tasks.recipes.nuscenes_volume_detect import (
    nuscenes_camera_detect,
    nuscenes_fusion_detect,
    nuscenes_lidar_detect,
)
from ponder_tasks.recipes.rgbd import rgbd
from ponder_tasks.recipes.rooms import rooms
from ponder_tasks.recipes.rooms_detect import rooms_detect, rooms_detect_pointnet
from ponder_tasks.recipes.rooms_features import rooms_features
from ponder_tasks.recipes.rooms_instances import rooms_instances
from ponder_tasks.recipes.rooms_probe import rooms_probe
from ponder_tasks.recipes.rooms_reconstruct import rooms_reconstruct
from ponder_tasks.recipes.rooms_semseg import rooms_semseg
from ponder_tasks.recipes.s3dis_semseg import s3dis_semseg
from ponder_tasks.recipes.scannet import scannet
from ponder_tasks.recipes.scannet200_semseg import scannet200_semseg
from ponder_tasks.recipes.scannet_detect import scannet_detect
from ponder_tasks.recipes.scannet_instances import scannet_instances
from ponder_tasks.recipes.scannet_joint import scannet_joint
from ponder_tasks.recipes.scannet_semseg import scannet_semseg
from ponder_tasks.recipes.scans import scans
from ponder_tasks.recipes.streets import streets
from ponder_tasks.recipes.streets_camera import streets_camera, streets_fusion
from ponder_tasks.recipes.streets_detect import (
    streets_camera_detect,
    streets_detect,
    streets_detect_uvtr,
    streets_fusion_detect,
)
from ponder_tasks.recipes.streets_semseg import streets_semseg
from ponder_tasks.recipes.voxelnet_detect import nuscenes_detect, streets_detect_voxelnet

RECIPES: tuple[Callable[[], TrainingRecipe], ...] = (
    rooms,
    rooms_features,
    rgbd,
    scans,
    streets,
    streets_camera,
    streets_fusion,
    nuscenes_camera,
    nuscenes_fusion,
    nuscenes_lidar,
    indoor_cpu,
    indoor_small,
    indoor,
    scannet,
    rooms_semseg,
    rooms_probe,
    rooms_instances,
    rooms_detect,
    rooms_detect_pointnet,
    streets_semseg,
    nuscenes_semseg,
    lidarseg_semseg,
    rooms_reconstruct,
    meshes_reconstruct,
    streets_detect,
    streets_detect_uvtr,
    streets_camera_detect,
    streets_fusion_detect,
    streets_detect_voxelnet,
    nuscenes_detect,
    nuscenes_lidar_detect,
    nuscenes_camera_detect,
    nuscenes_fusion_detect,
    scannet_semseg,
    scannet200_semseg,
    scannet_joint,
    s3dis_semseg,
    scannet_instances,
    scannet_detect,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeInfo:
    """What a list of recipes says of each."""

    name: str
    task: str
    description: str


def list_recipes() -> tuple[RecipeInfo, ...]:
    """Return the name, task and description of every recipe."""
    made = [make() for make in RECIPES]
    return tuple(RecipeInfo(name=r.name, task=r.task, description=r.description) for r in made)


def get_recipe(name: str) -> TrainingRecipe:
    """Return the recipe called ``name``.

    Raises:
        ValueError: when there is none; names the nearest.
    """
    made = {recipe.name: recipe for recipe in (make() for make in RECIPES)}
    if name not in made:
        near = difflib.get_close_matches(name, made, n=1, cutoff=0.0)
        raise ValueError(
            f"there is no recipe {name!r}; the nearest is {near[0]!r}, and there are: {', '.join(made)}"
        )
    return made[name]
