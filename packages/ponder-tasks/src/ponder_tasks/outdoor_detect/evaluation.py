"""Measuring a detector outdoors: its boxes of every keyframe in the official file, judged by the official devkit."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from ponder_data import NuScenes, Scene
from torch import Tensor

from ponder_tasks.metrics.nuscenes_detection import NuScenesFigures, check_devkit, measure_nuscenes_detection
from ponder_tasks.outdoor_detect.detector import Detector, build_detector, sensors_used
from ponder_tasks.outdoor_detect.driving_boxes import Detections
from ponder_tasks.outdoor_detect.results import RESULTS_FILE, sample_results, write_results
from ponder_tasks.outdoor_detect.tables_of_scenes import ScenesWithTables
from ponder_tasks.recipe import OutdoorDetectionRecipe
from ponder_tasks.scene_config import SceneConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedScene:
    """A keyframe, its number, and the boxes believed in it."""

    index: int
    scene: Scene
    found: Detections


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredDetection:
    """The devkit's figures over so many keyframes, and the first of these with their boxes."""

    scenes: int
    figures: NuScenesFigures
    shown: tuple[DetectedScene, ...]


@torch.no_grad()
def detect_in_keyframes(model: Detector, scenes: NuScenes) -> Iterator[DetectedScene]:
    """Detect in one keyframe after the other."""
    for index in range(len(scenes)):
        scene = scenes[index]
        yield DetectedScene(index=index, scene=scene, found=model.detect_scene(scene).to("cpu"))


def measure_outdoor_detection(
    model: Detector, scenes: NuScenes, *, show: int = 0, export: Path | None = None
) -> MeasuredDetection:
    """Return what the official devkit says of the model's boxes.

    Args:
        model: in evaluation mode.
        scenes: keyframes of official tables.
        show: how many keyframes, spread evenly, to keep with their boxes.
        export: a new or empty folder for the official results file, or None.

    Raises:
        ValueError: when ``export`` holds something.
        ImportError: when the devkit is not installed.
    """
    check_devkit()
    if export is not None:
        _make_folder(export)
    wanted = {round((place + 0.5) * len(scenes) / show - 0.5) for place in range(show)}
    results, shown = {}, []
    for detected in detect_in_keyframes(model, scenes):
        record = scenes.records[detected.index]
        results[record.token] = sample_results(detected.found, record)
        if detected.index in wanted:
            shown.append(detected)
    with tempfile.TemporaryDirectory(prefix="ponder-results-") as folder:
        path = (export or Path(folder)) / RESULTS_FILE
        lidar, camera = sensors_used(model.recipe)
        write_results(path, results, lidar=lidar, camera=camera)
        figures = measure_nuscenes_detection(scenes.path, scenes.config.version, tuple(results), path)
    return MeasuredDetection(scenes=len(scenes), figures=figures, shown=tuple(shown))


def evaluate_outdoor_detection(
    recipe: OutdoorDetectionRecipe,
    tensors: Mapping[str, Tensor],
    config: SceneConfig,
    *,
    device: str,
    export: Path | None,
) -> MeasuredDetection:
    """Measure the weights ``tensors`` of a run of ``recipe`` on the scenes of ``config``.

    Raises:
        ValueError: when the scenes have no official tables or are not there, or ``export`` holds something.
    """
    model = build_detector(recipe)
    model.load_state_dict(dict(tensors))
    with ScenesWithTables(config) as data:
        return measure_outdoor_detection(model.eval().to(device), data.scenes, export=export)


def _make_folder(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} is there already and not an empty folder; name a new one for the export")
    folder.mkdir(parents=True, exist_ok=True)
