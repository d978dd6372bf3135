"""Pictures that a pre-trained model renders, beside those that the cameras took."""

from dataclasses import dataclass
from pathlib import Path

import torch

from ponder_tasks.bench.plan import Plan, pretraining_run
from ponder_tasks.checkpoint import load_weights
from ponder_tasks.outdoor.held_out import encode_street, pictured_scenes, render_street
from ponder_tasks.outdoor.model import StreetsPretrainModel
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.pretrain.pictures import view_pictures
from ponder_tasks.report.pictures import ViewPictures
from ponder_tasks.scene_sources import open_scenes


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPictures:
    """The rendered pictures of one scene, under a title."""

    title: str
    views: tuple[ViewPictures, ...]


def rendered_pictures(plan: Plan, output: Path) -> tuple[RenderedPictures, ...]:
    """Return what the first run of each pre-training that has a title renders.

    Raises:
        ValueError: when a run cannot be read, or its data has no pictures.
    """
    found = []
    for pretraining in (*plan.suite.pretrainings, *plan.suite.shown):
        if pretraining.title and isinstance(pretraining.recipe, StreetsPretrainRecipe):
            views = rendered_views(output / pretraining_run(pretraining, 0))
            found.append(RenderedPictures(title=pretraining.title, views=views))
    return tuple(found)


@torch.no_grad()
def rendered_views(run: Path) -> tuple[ViewPictures, ...]:
    """Return the views of the first validation scene as the outdoor pre-training ``run`` renders them.

    Raises:
        ValueError: when the run cannot be read or is no such, or its data has no pictures.
    """
    weights = load_weights(run)
    recipe = weights.recipe
    if not isinstance(recipe, StreetsPretrainRecipe):
        raise ValueError(f"{run} is a run of {recipe.name} ({recipe.task}), not of outdoor pre-training")
    model = StreetsPretrainModel(recipe)
    model.load_state_dict(dict(weights.tensors))
    model.eval()
    scene = next(pictured_scenes(open_scenes(recipe.val_data), recipe))
    street = encode_street(model, scene, recipe)
    return tuple(view_pictures(rendered, ()) for rendered in render_street(model, street, recipe))
