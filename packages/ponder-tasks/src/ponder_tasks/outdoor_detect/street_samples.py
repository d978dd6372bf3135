"""Training batches of driving scenes with their boxes: as pre-training sees them, but whole, and without rays."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from ponder_data import Scene, Scenes, prepare_sample

from ponder_tasks.outdoor.batch import StreetBatch, StreetSample, pack_streets
from ponder_tasks.outdoor.batches import street_images
from ponder_tasks.recipe import VolumeDetectRecipe
from ponder_tasks.scene_sequence import SceneSequence


def boxed_street(scene: Scene, recipe: VolumeDetectRecipe, generator: torch.Generator) -> StreetSample:
    """Return ``scene`` augmented: its points on the grid, its boxes, and its pictures where cameras are looked at.

    Raises:
        ValueError: when the scene holds no LiDAR returns, or no pictures that can be looked at.
    """
    if not scene.is_swept:
        raise ValueError(
            f"scene {scene.name!r} of {scene.dataset!r} is not of a vehicle's LiDAR; detection outdoors reads driving "
            "scenes, such as those of streets or nuscenes"
        )
    seen = replace(scene, held_out_views=(), views=scene.views if recipe.looks_at_pictures else ())
    prepared = prepare_sample(seen, recipe.sample, generator, rays=False)
    pictures = street_images(prepared.scene.views, recipe, generator)
    bare = replace(prepared.scene, views=())
    return StreetSample(sample=replace(prepared, scene=bare), open=None, pictures=pictures)


class BoxedStreetSequence(SceneSequence[StreetSample]):
    """Batches of augmented driving scenes with their boxes; see :class:`SceneSequence`."""

    def __init__(
        self, scenes: Scenes, recipe: VolumeDetectRecipe, *, rank: int = 0, world_size: int = 1
    ) -> None:
        super().__init__(scenes, recipe.trainer, rank=rank, world_size=world_size)
        self.recipe = recipe

    def draw(self, index: int, generator: torch.Generator) -> StreetSample:
        """Return a sample of scene ``index``."""
        return boxed_street(self.scenes[index], self.recipe, generator)

    def pack(self, samples: Sequence[StreetSample]) -> StreetBatch:
        """Return the batch of ``samples``."""
        return pack_streets(samples)
