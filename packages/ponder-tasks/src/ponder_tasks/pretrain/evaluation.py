"""Measuring pre-training: pictures rendered at poses that were kept apart, against what the camera saw there."""

import torch
from ponder_data import Scenes

from ponder_tasks.metrics.rendering import RenderingAccumulator, RenderingMetrics
from ponder_tasks.pretrain.held_out import RenderedView, encode_room, evaluation_scenes, render_view
from ponder_tasks.pretrain.model import PretrainModel
from ponder_tasks.recipe import RenderingEvaluationConfig


def measure_rendering(
    model: PretrainModel, scenes: Scenes, grid_size: float, config: RenderingEvaluationConfig
) -> RenderingMetrics:
    """Return PSNR, depth and normal errors over held-out views, and what trivial guesses reach on the same pixels.

    Raises:
        ValueError: when a scene has no held-out view.
    """
    accumulator = RenderingAccumulator()
    for scene in evaluation_scenes(scenes, config):
        room = encode_room(model, scene, grid_size)
        for view in room.scene.held_out_views[: config.views_per_scene]:
            add_view(accumulator, render_view(model, room, view, config.pixel_stride))
    return accumulator.metrics()


def add_view(accumulator: RenderingAccumulator, rendered: RenderedView) -> None:
    """Add the figures of one rendered view; a virtual one has no colour where it sees nothing, so not those pixels."""
    view = rendered.view
    judged = view.depth > 0 if view.source == "virtual" else torch.ones_like(view.depth, dtype=torch.bool)
    accumulator.add(
        rendered_color=rendered.color[judged],
        real_color=view.color[judged],
        rendered_depth=rendered.depth[judged],
        real_depth=view.depth[judged],
        rendered_normal=rendered.normal[judged],
        real_normal=rendered.real_normal[judged],
    )
