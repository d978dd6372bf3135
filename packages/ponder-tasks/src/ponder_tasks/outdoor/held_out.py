"""Rendering the pictures of driving scenes that training has not seen."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from ponder_data import Scene, Scenes, View, view_rays
from ponder_render import FeatureVolume

from ponder_tasks.outdoor.batches import whole_street
from ponder_tasks.outdoor.box import BoxConfig
from ponder_tasks.outdoor.model import StreetsPretrainModel
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.pretrain.held_out import RenderedView, render_through


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedStreet:
    """A driving scene in its LiDAR's frame, and the volume made of what the recipe's sensors saw."""

    scene: Scene
    volume: FeatureVolume


def pictured_scenes(scenes: Scenes, recipe: StreetsPretrainRecipe) -> Iterator[Scene]:
    """Yield the scenes whose pictures are rendered, evenly over all.

    Raises:
        ValueError: when one has no picture.
    """
    count = min(recipe.evaluation.scenes, len(scenes))
    for turn in range(count):
        scene = scenes[turn * len(scenes) // count]
        if not scene.views:
            raise ValueError(f"scene {scene.name!r} of the validation data has no pictures to render")
        yield scene


@torch.no_grad()
def encode_street(model: StreetsPretrainModel, scene: Scene, recipe: StreetsPretrainRecipe) -> EncodedStreet:
    """Make the volume of all of ``scene``."""
    batch = whole_street(scene, recipe).to(next(model.parameters()).device)
    return EncodedStreet(scene=scene, volume=model.encode(batch))


def render_street(
    model: StreetsPretrainModel, street: EncodedStreet, recipe: StreetsPretrainRecipe
) -> Iterator[RenderedView]:
    """Render the pictures of one scene, beside which only depths that the box can explain count as known."""
    for view in street.scene.views[: recipe.evaluation.views_per_scene]:
        yield render_through(
            model.renderer,
            street.volume,
            explainable_view(view, recipe.box, recipe.rays.nearest),
            recipe.evaluation.pixel_stride,
            scene=street.scene.name,
        )


def explainable_view(view: View, box: BoxConfig, nearest: float) -> View:
    """Return the view without depths that lie outside the box, or nearer than ``nearest`` metres."""
    rays = view_rays(view)
    inside = box.contains(rays.origin + rays.distance[:, None] * rays.direction)
    known = inside & (rays.distance >= nearest) & (rays.distance > 0)
    return replace(view, depth=view.depth * known.reshape(view.depth.shape))
