"""Measuring a finished run again: its newest checkpoint, on its validation scenes or on others."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ponder_data import Scenes

from ponder_tasks.checkpoint import Weights, load_weights
from ponder_tasks.detect.evaluation import measure_detection
from ponder_tasks.detect.model import DetectionModel
from ponder_tasks.devices import check_device
from ponder_tasks.instances.evaluation import measure_instances
from ponder_tasks.instances.model import InstanceModel
from ponder_tasks.language import build_vocabulary
from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.class_figures import ClassFigures
from ponder_tasks.outdoor.evaluation import measure_streets
from ponder_tasks.outdoor.lidarseg_export import LidarsegExport, with_all_points
from ponder_tasks.outdoor.model import StreetsPretrainModel
from ponder_tasks.outdoor.recipe import StreetsPretrainRecipe
from ponder_tasks.outdoor_detect.evaluation import evaluate_outdoor_detection
from ponder_tasks.pretrain.evaluation import measure_rendering
from ponder_tasks.pretrain.model import PretrainModel
from ponder_tasks.recipe import (
    DetectRecipe,
    ImportRecipe,
    InstanceRecipe,
    OutdoorDetectionRecipe,
    OutdoorDetectRecipe,
    PretrainRecipe,
    ReconstructRecipe,
    SegmentRecipe,
    VolumeDetectRecipe,
)
from ponder_tasks.reconstruct.evaluation import measure_reconstruction
from ponder_tasks.reconstruct.model import ReconstructionModel
from ponder_tasks.scene_config import SceneConfig, scene_config_at
from ponder_tasks.scene_sources import open_scenes, open_shapes, read_dataset
from ponder_tasks.segment.evaluation import SegmentationFigures, segment_scenes
from ponder_tasks.segment.export import ScanNetExport
from ponder_tasks.segment.model import segmentation_model
from ponder_tasks.segment.voting import VotingConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationOptions:
    """How to measure.

    Attributes:
        data: a folder to read the validation scenes from; the recipe's own where None.
        voting: segmentation only: look at each scene many times.
        scannet_export: segmentation only: a new folder for the files that ScanNet's benchmark takes.
        lidarseg_export: segmentation only: a new folder for the files that nuScenes' lidarseg benchmark takes.
        nuscenes_export: detection outdoors only: a new folder for the results file of nuScenes' benchmark.
    """

    data: Path | None = None
    voting: VotingConfig | None = None
    scannet_export: Path | None = None
    lidarseg_export: Path | None = None
    nuscenes_export: Path | None = None

    @property
    def segmentation_only(self) -> bool:
        """Whether something is asked for that only segmentation can do."""
        return any((self.voting, self.scannet_export, self.lidarseg_export))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """The measurements of a checkpoint; ``per_class`` where the task has classes.

    Without labels there are no measurements (segmentation that only exports).
    """

    run: Path
    task: str
    recipe: str
    checkpoint: str
    scenes: int
    measurements: tuple[Measurement, ...]
    per_class: ClassFigures | None

    def as_json(self) -> str:
        """Return everything as JSON; measurements carry their unit."""
        return json.dumps(self.tree(), indent=2)

    def tree(self) -> dict[str, Any]:
        """Return what ``json.dumps`` takes."""
        tree = {
            "run": str(self.run),
            "task": self.task,
            "recipe": self.recipe,
            "checkpoint": self.checkpoint,
            "scenes": self.scenes,
            "measurements": {m.name: {"value": m.value, "unit": m.unit} for m in self.measurements},
        }
        if self.per_class:
            tree["per_class"] = self.per_class.as_json()
        return tree


@torch.no_grad()
def evaluate_run(
    run: Path, options: EvaluationOptions = EvaluationOptions(), *, device: str = "cpu"
) -> Evaluation:
    """Measure the newest checkpoint of ``run``: rendering of held-out views, or its task.

    Raises:
        ValueError: when ``run`` holds no readable checkpoint or only an imported encoder, the data is not there, or
            its task cannot do what ``options`` ask.
    """
    check_device(device)
    weights = load_weights(run)
    if isinstance(weights.recipe, ImportRecipe):
        raise ValueError(
            f"{run} holds an imported encoder, which alone predicts nothing to measure; "
            f"fine-tune it first, e.g. ponder finetune rooms-semseg --encoder {run}"
        )
    if options.segmentation_only and not isinstance(weights.recipe, SegmentRecipe):
        raise ValueError(
            f"{run} is a run of {weights.recipe.name} ({weights.recipe.task}); voting and benchmarks' files are for "
            "semantic segmentation: leave --vote and --export out"
        )
    if options.nuscenes_export and not isinstance(weights.recipe, OutdoorDetectionRecipe):
        raise ValueError(
            f"{run} is a run of {weights.recipe.name} ({weights.recipe.task}); --export nuscenes is for detection "
            "outdoors: leave --export out"
        )
    match weights.recipe:
        case PretrainRecipe():
            return _evaluate_rendering(run, weights, weights.recipe, options.data, device)
        case StreetsPretrainRecipe():
            return _evaluate_streets(run, weights, weights.recipe, options.data, device)
        case SegmentRecipe():
            return evaluate_segmentation(run, weights, weights.recipe, options, device)[0]
        case DetectRecipe():
            return _evaluate_detection(run, weights, weights.recipe, options.data, device)
        case OutdoorDetectRecipe() | VolumeDetectRecipe():
            return _evaluate_outdoor_detection(run, weights, weights.recipe, options, device)
        case InstanceRecipe():
            return _evaluate_instances(run, weights, weights.recipe, options.data, device)
        case ReconstructRecipe():
            return _evaluate_reconstruction(run, weights, weights.recipe, options.data, device)


def _evaluation(
    run: Path,
    weights: Weights,
    *,
    scenes: int,
    measurements: tuple[Measurement, ...],
    per_class: ClassFigures | None = None,
) -> Evaluation:
    """Return what was measured, with where the weights come from."""
    return Evaluation(
        run=run,
        task=weights.recipe.task,
        recipe=weights.recipe.name,
        checkpoint=weights.source.parent.name,
        scenes=scenes,
        measurements=measurements,
        per_class=per_class,
    )


def evaluate_segmentation(
    run: Path, weights: Weights, recipe: SegmentRecipe, options: EvaluationOptions, device: str
) -> tuple[Evaluation, SegmentationFigures]:
    """Return what was measured, and the figures it was taken from; errors as those of :func:`evaluate_run`."""
    config = scene_config_at(recipe.val_data, options.data) if options.data else recipe.val_data
    scenes, export = _scenes_and_export(config, options)
    model = segmentation_model(recipe, scenes)
    model.load_state_dict(dict(weights.tensors))
    model.eval().to(device)
    figures = SegmentationFigures(scenes.class_names)
    for segmented in segment_scenes(model, scenes, recipe.sample.cell, options.voting):
        figures.add(segmented)
        if export:
            export.write(segmented)
    measurable = export is None or figures.labelled
    evaluation = _evaluation(
        run,
        weights,
        scenes=len(scenes),
        measurements=figures.measurements() if measurable else (),
        per_class=figures.metrics().per_class() if measurable else None,
    )
    return evaluation, figures


def _scenes_and_export(
    config: SceneConfig, options: EvaluationOptions
) -> tuple[Scenes, ScanNetExport | LidarsegExport | None]:
    if options.lidarseg_export:
        complete = with_all_points(config)
        scenes = read_dataset(complete)
        return scenes, LidarsegExport(options.lidarseg_export, complete, scenes)
    scenes = open_scenes(config)
    if options.scannet_export:
        return scenes, ScanNetExport(options.scannet_export, scenes.class_names)
    return scenes, None


def _evaluate_detection(
    run: Path, weights: Weights, recipe: DetectRecipe, data: Path | None, device: str
) -> Evaluation:
    scenes = open_scenes(scene_config_at(recipe.val_data, data) if data else recipe.val_data)
    model = DetectionModel(recipe, scenes.class_names)
    model.load_state_dict(dict(weights.tensors))
    metrics = measure_detection(model.eval().to(device), scenes)
    return _evaluation(
        run, weights, scenes=len(scenes), measurements=metrics.measurements(), per_class=metrics.per_class()
    )


def _evaluate_outdoor_detection(
    run: Path, weights: Weights, recipe: OutdoorDetectionRecipe, options: EvaluationOptions, device: str
) -> Evaluation:
    config = scene_config_at(recipe.val_data, options.data) if options.data else recipe.val_data
    measured = evaluate_outdoor_detection(
        recipe, weights.tensors, config, device=device, export=options.nuscenes_export
    )
    return _evaluation(
        run,
        weights,
        scenes=measured.scenes,
        measurements=measured.figures.measurements(),
        per_class=measured.figures.per_class(),
    )


def _evaluate_instances(
    run: Path, weights: Weights, recipe: InstanceRecipe, data: Path | None, device: str
) -> Evaluation:
    scenes = open_scenes(scene_config_at(recipe.val_data, data) if data else recipe.val_data)
    model = InstanceModel(recipe, scenes.class_names)
    model.load_state_dict(dict(weights.tensors))
    metrics = measure_instances(model.eval().to(device), scenes, recipe)
    return _evaluation(
        run,
        weights,
        scenes=len(scenes),
        measurements=metrics.measurements(),
        per_class=metrics.instances.per_class(),
    )


def _evaluate_reconstruction(
    run: Path, weights: Weights, recipe: ReconstructRecipe, data: Path | None, device: str
) -> Evaluation:
    shapes = open_shapes(scene_config_at(recipe.val_data, data) if data else recipe.val_data)
    model = ReconstructionModel(recipe)
    model.load_state_dict(dict(weights.tensors))
    metrics = measure_reconstruction(model.eval().to(device), shapes, recipe)
    return _evaluation(run, weights, scenes=metrics.shapes, measurements=metrics.measurements())


def _evaluate_rendering(
    run: Path, weights: Weights, recipe: PretrainRecipe, data: Path | None, device: str
) -> Evaluation:
    scenes = open_scenes(scene_config_at(recipe.val_data, data) if data else recipe.val_data)
    vocabulary = build_vocabulary(scenes, recipe.labels.language) if recipe.labels else None
    model = PretrainModel(recipe, vocabulary)
    model.load_state_dict(dict(weights.tensors))
    measurements = measure_rendering(
        model.eval().to(device), scenes, recipe.sample.grid_size, recipe.evaluation
    )
    return _evaluation(
        run, weights, scenes=min(recipe.evaluation.scenes, len(scenes)), measurements=measurements
    )


def _evaluate_streets(
    run: Path, weights: Weights, recipe: StreetsPretrainRecipe, data: Path | None, device: str
) -> Evaluation:
    scenes = open_scenes(scene_config_at(recipe.val_data, data) if data else recipe.val_data)
    model = StreetsPretrainModel(recipe)
    model.load_state_dict(dict(weights.tensors))
    return _evaluation(
        run,
        weights,
        scenes=min(recipe.evaluation.scenes, len(scenes)),
        measurements=measure_streets(model.eval().to(device), scenes, recipe),
    )
