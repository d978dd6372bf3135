"""Pictures of one comparison: one scene that no training has seen, its truth, and what both models say of it."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ponder_tasks.checkpoint import load_weights
from ponder_tasks.detect.evaluation import detect_in_scene
from ponder_tasks.detect.pictures import detected_pictures
from ponder_tasks.instances.pictures import instance_pictures
from ponder_tasks.instances.prediction import find_instances
from ponder_tasks.outdoor_detect.detector import build_detector
from ponder_tasks.outdoor_detect.evaluation import DetectedScene
from ponder_tasks.outdoor_detect.pictures import detected_pictures as boxes_from_above
from ponder_tasks.prediction.box_predictor import BoxPredictor
from ponder_tasks.prediction.instance_predictor import InstancePredictor
from ponder_tasks.prediction.predictors import ClassPredictor, load_predictor
from ponder_tasks.recipe import (
    DetectRecipe,
    InstanceRecipe,
    OutdoorDetectionRecipe,
    OutdoorDetectRecipe,
    ReconstructRecipe,
    SegmentRecipe,
    VolumeDetectRecipe,
)
from ponder_tasks.reconstruct.evaluation import reconstruct_shape
from ponder_tasks.reconstruct.model import ReconstructionModel
from ponder_tasks.reconstruct.pictures import shape_pictures
from ponder_tasks.report.pictures import CloudPictures
from ponder_tasks.run_folder import RunFolder
from ponder_tasks.scene_sources import open_scenes, open_shapes
from ponder_tasks.segment.evaluation import segment_scene
from ponder_tasks.segment.pictures import segmented_pictures


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPictures:
    """A comparison's title, and one scene as both of its models see it."""

    title: str
    cloud: CloudPictures


def compared_pictures(scratch: Path, pretrained: Path) -> CloudPictures:
    """Return the first validation scene of two runs of one task, with what each predicts.

    Raises:
        ValueError: when a run cannot be read, or is none of a task that predicts something of scenes.
    """
    return both_arms(first_scene_pictures(scratch), first_scene_pictures(pretrained))


def first_scene_pictures(run: Path) -> CloudPictures:
    """Return what the report of ``run`` shows of its first validation scene."""
    recipe = RunFolder.open(run).recipe()
    match recipe:
        case ReconstructRecipe():
            model = ReconstructionModel(recipe)
            model.load_state_dict(dict(load_weights(run).tensors))
            shape = open_shapes(recipe.val_data).shape(0)
            return shape_pictures(reconstruct_shape(model.eval(), shape, recipe, seed=0))
        case OutdoorDetectRecipe() | VolumeDetectRecipe():
            return _street_pictures(run, recipe)
        case SegmentRecipe() | InstanceRecipe() | DetectRecipe():
            return _scene_pictures(run, recipe)
        case _:
            raise ValueError(f"{run} is a run of {recipe.name} ({recipe.task}), which predicts nothing")


def _scene_pictures(run: Path, recipe: SegmentRecipe | InstanceRecipe | DetectRecipe) -> CloudPictures:
    scene, predictor = open_scenes(recipe.val_data)[0], load_predictor(run)
    match predictor, recipe:
        case ClassPredictor(), _:
            return segmented_pictures(segment_scene(predictor.model, scene, predictor.grid_size))
        case InstancePredictor(), InstanceRecipe():
            found = find_instances(predictor.model, scene, predictor.grid_size, predictor.selection)
            return instance_pictures(found, predictor.model.things, recipe.evaluation.minimum_points)
        case BoxPredictor(), _:
            return detected_pictures(detect_in_scene(predictor.model, scene), predictor.model.classes)
        case _:
            raise AssertionError(f"a {type(predictor).__name__} of a {type(recipe).__name__}")


@torch.no_grad()
def _street_pictures(run: Path, recipe: OutdoorDetectionRecipe) -> CloudPictures:
    model = build_detector(recipe)
    model.load_state_dict(dict(load_weights(run).tensors))
    scene = open_scenes(recipe.val_data)[0]
    found = model.eval().detect_scene(scene)
    return boxes_from_above(DetectedScene(index=0, scene=scene, found=found), model.head.grid)


def both_arms(scratch: CloudPictures, pretrained: CloudPictures) -> CloudPictures:
    """Return one cloud with input and truth, then what each model says, by name."""
    layers = [layer for layer in scratch.layers if not layer.predicted]
    for arm, pictures in (("From scratch", scratch), ("Pre-trained", pretrained)):
        layers += [
            replace(layer, caption=f"{arm}: {layer.caption[:1].lower()}{layer.caption[1:]}")
            for layer in pictures.layers
            if layer.predicted
        ]
    note = scratch.note
    if scratch.note != pretrained.note:
        note = f"From scratch: {scratch.note} Pre-trained: {pretrained.note}"
    legend = dict(scratch.legend) | dict(pretrained.legend)
    return replace(scratch, layers=tuple(layers), legend=tuple(legend.items()), note=note)
