"""The training batches of driving scenes, and one whole scene as a batch."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from ponder_data import AugmentationConfig, SampleConfig, Scene, Scenes, View, prepare_sample

from ponder_tasks.outdoor.batch import StreetBatch, StreetSample, pack_streets
from ponder_tasks.outdoor.image_batch import SceneImages
from ponder_tasks.outdoor.image_window import prepare_images
from ponder_tasks.outdoor.open_space import highest_beam
from ponder_tasks.outdoor.rays import draw_street_rays
from ponder_tasks.outdoor.recipe import SensorRecipe, StreetsPretrainRecipe
from ponder_tasks.scene_sequence import SceneSequence


class StreetSequence(SceneSequence[StreetSample]):
    """Batches of augmented and masked driving scenes with the rays to render; see :class:`SceneSequence`."""

    def __init__(
        self, scenes: Scenes, recipe: StreetsPretrainRecipe, *, rank: int = 0, world_size: int = 1
    ) -> None:
        super().__init__(scenes, recipe.trainer, rank=rank, world_size=world_size)
        self.recipe = recipe

    def draw(self, index: int, generator: torch.Generator) -> StreetSample:
        """Return a sample of scene ``index``."""
        return street_sample(self.scenes[index], self.recipe, generator)

    def pack(self, samples: Sequence[StreetSample]) -> StreetBatch:
        """Return the batch of ``samples``."""
        return pack_streets(samples)


def street_sample(scene: Scene, recipe: StreetsPretrainRecipe, generator: torch.Generator) -> StreetSample:
    """Return ``scene`` augmented, its points masked and on the grid, and the rays drawn from it.

    Raises:
        ValueError: when the scene has too few points, no pictures, or pictures that are too flat to be looked at.
    """
    highest = highest_beam(scene.coord)
    prepared = prepare_sample(scene, recipe.sample, generator, rays=False)
    views = prepared.scene.views
    drawn = draw_street_rays(views, highest, recipe.box, recipe.sample, recipe.rays, generator)
    bare = replace(prepared.scene, views=(), boxes=None)
    return StreetSample(
        sample=replace(prepared, scene=bare, rays=drawn.rays),
        open=drawn.open,
        pictures=street_images(views, recipe, generator),
    )


def street_images(
    views: Sequence[View], recipe: SensorRecipe, generator: torch.Generator | None
) -> SceneImages | None:
    """Return what the cameras' network sees of ``views``, at random by ``generator``; None where none looks.

    Raises:
        ValueError: when there are no pictures, or one is too flat for the recipe's window.
    """
    if not recipe.looks_at_pictures:
        return None
    camera = recipe.camera
    return prepare_images(views, camera.window, generator, with_depth=camera.supervises_depth)


def whole_street(scene: Scene, recipe: SensorRecipe) -> StreetBatch:
    """Return all of ``scene`` as a batch without rays; nothing is random, and the frame stays the LiDAR's."""
    plain = SampleConfig(
        grid_size=recipe.sample.grid_size,
        grid_height=recipe.sample.grid_height,
        augmentation=AugmentationConfig.none().model_copy(update={"center": False}),
    )
    bare = replace(scene, views=(), held_out_views=(), boxes=None)
    prepared = prepare_sample(bare, plain, torch.Generator(), rays=False)
    images = street_images(scene.views, recipe, None)
    return pack_streets([StreetSample(sample=prepared, open=None, pictures=images)])
