"""``meshes-reconstruct``: surfaces of a folder of watertight meshes from noisy sparse points."""

from ponder_data import MeshFolderConfig

from ponder_tasks.recipe import ReconstructRecipe
from ponder_tasks.recipes.rooms_reconstruct import rooms_reconstruct


def meshes_reconstruct() -> ReconstructRecipe:
    """Return the recipe: ``rooms-reconstruct`` on the meshes of a folder, every fourth of them held out."""
    changes = {
        "name": "meshes-reconstruct",
        "description": "surfaces of watertight meshes from 10 000 noisy points each; give their folder with --data",
        "train_data": MeshFolderConfig(split="train"),
        "val_data": MeshFolderConfig(split="val"),
    }
    return rooms_reconstruct().model_copy(update=changes)
