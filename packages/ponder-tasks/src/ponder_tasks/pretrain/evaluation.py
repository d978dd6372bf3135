"""Measuring pre-training: pictures rendered at poses that were kept apart, against what the camera saw there."""

import torch
from ponder_data import Scenes

from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.rendering import RenderingAccumulator
from ponder_tasks.metrics.segmentation import ConfusionMatrix
from ponder_tasks.pretrain.held_out import RenderedView, encode_room, evaluation_scenes, render_view
from ponder_tasks.pretrain.model import PretrainModel
from ponder_tasks.recipe import RenderingEvaluationConfig


class HeldOutFigures:
    """Collects rendered views one by one: colour, depth, normals, and classes where they are rendered."""

    def __init__(self, class_names: tuple[str, ...]) -> None:
        self._rendering = RenderingAccumulator()
        self._classes = ConfusionMatrix(class_names) if len(class_names) > 1 else None

    def add(self, rendered: RenderedView) -> None:
        """Add one view; a virtual one has no colour where it sees nothing, so not those pixels."""
        view = rendered.view
        judged = view.depth > 0 if view.source == "virtual" else torch.ones_like(view.depth, dtype=torch.bool)
        self._rendering.add(
            rendered_color=rendered.color[judged],
            real_color=view.color[judged],
            rendered_depth=rendered.depth[judged],
            real_depth=view.depth[judged],
            rendered_normal=rendered.normal[judged],
            real_normal=rendered.real_normal[judged],
        )
        if self._classes and rendered.semantic is not None and view.semantic is not None:
            self._classes.add(rendered.semantic[judged], view.semantic[judged].long())

    def measurements(self) -> tuple[Measurement, ...]:
        """Return every figure that is defined; ``semantic_miou`` is of labelled pixels.

        Raises:
            ValueError: when no view was added.
        """
        figures = self._rendering.metrics().measurements()
        if self._classes is None or int(self._classes.counts().sum()) == 0:
            return figures
        miou = Measurement(name="semantic_miou", value=100.0 * self._classes.metrics().miou, unit="%")
        return (*figures, miou)


def measure_rendering(
    model: PretrainModel, scenes: Scenes, grid_size: float, config: RenderingEvaluationConfig
) -> tuple[Measurement, ...]:
    """Return PSNR, depth and normal errors over held-out views, and what trivial guesses reach on the same pixels.

    Raises:
        ValueError: when a scene has no held-out view.
    """
    figures = HeldOutFigures(scenes.class_names)
    for scene in evaluation_scenes(scenes, config):
        room = encode_room(model, scene, grid_size)
        for view in room.scene.held_out_views[: config.views_per_scene]:
            figures.add(render_view(model, room, view, config.pixel_stride))
    return figures.measurements()
