"""The truth, encoded as each head's answer, decoded and written as results, is perfect to the official devkit."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ponder_data import NuScenes, SyntheticRoomsConfig, SyntheticStreetsConfig
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_tasks.metrics.nuscenes_detection import NuScenesFigures, measure_nuscenes_detection
from ponder_tasks.outdoor_detect.box_code import encode_boxes
from ponder_tasks.outdoor_detect.center_decoding import center_detections
from ponder_tasks.outdoor_detect.center_head import CLASSES, CenterHeadConfig, CenterMaps
from ponder_tasks.outdoor_detect.center_targets import center_losses, center_targets
from ponder_tasks.outdoor_detect.driving_boxes import Detections, DrivingBoxes
from ponder_tasks.outdoor_detect.query_head import QueryAnswers, QueryHeadConfig
from ponder_tasks.outdoor_detect.query_losses import query_detections, query_losses
from ponder_tasks.outdoor_detect.results import sample_results, write_results
from ponder_tasks.outdoor_detect.tables_of_scenes import ScenesWithTables

# A street of this seed has all ten classes of boxes near the vehicle: a missing class counts as a score of 0.
STREETS = SyntheticStreetsConfig.model_validate(
    {
        "split": "val",
        "scenes": 1,
        "keyframes": 2,
        "seed": 3,
        "image_width": 16,
        "image_height": 9,
        "lidar": {"columns": 360},
    }
)
GRID = VoxelGrid(lower=(-54.0, -54.0, -5.0), upper=(54.0, 54.0, 3.0), shape=(240, 240, 2))
CENTER = CenterHeadConfig(suppression_radii=(0.01,) * 6, boxes=500)
QUERIES = QueryHeadConfig(queries=100, boxes=100)


@pytest.fixture(scope="module")
def tables() -> ScenesWithTables:
    return ScenesWithTables(STREETS)


def truth_of(scenes: NuScenes, index: int) -> DrivingBoxes:
    boxes = scenes[index].boxes
    assert boxes is not None
    return DrivingBoxes.of_scene(boxes)


def perfect_maps(truth: DrivingBoxes) -> CenterMaps:
    """What a centre head that knows the truth would say."""
    targets = center_targets([truth], GRID, CENTER)
    code = torch.zeros(1, len(CENTER.groups), 10, 240, 240)
    attribute = torch.zeros(1, len(CENTER.groups), 8, 240, 240)
    scene, group, x, y = targets.place.unbind(dim=1)
    code[scene, group, :, x, y] = targets.code.nan_to_num()
    known = targets.attribute >= 0
    attribute[scene[known], group[known], targets.attribute[known], x[known], y[known]] = 20.0
    heatmap = torch.logit(targets.heatmap, eps=1e-6)
    return CenterMaps(heatmap=heatmap, code=code, attribute=attribute)


def through_the_center_head(truth: DrivingBoxes) -> Detections:
    maps = perfect_maps(truth)
    named = center_losses(maps, center_targets([truth], GRID, CENTER), CENTER).named()
    assert named["box"] == pytest.approx(0.0, abs=1e-6)
    assert named["attribute"] < 1e-6
    return center_detections(maps, GRID, CENTER)[0]


def through_the_query_head(truth: DrivingBoxes) -> Detections:
    near = truth.within(GRID)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(QUERIES.queries, generator=generator)[: len(near)]
    score = torch.full((1, 1, QUERIES.queries, CLASSES), -20.0)
    score[0, 0, order, near.label] = 20.0
    code = torch.zeros(1, 1, QUERIES.queries, 10)
    code[0, 0, order] = encode_boxes(near).nan_to_num()
    attribute = torch.zeros(1, 1, QUERIES.queries, 8)
    known = near.attribute >= 0
    attribute[0, 0, order[known], near.attribute[known]] = 20.0
    answers = QueryAnswers(score=score, code=code, attribute=attribute)
    named = query_losses(answers, [truth], GRID, QUERIES).named()
    assert all(value == pytest.approx(0.0, abs=1e-5) for value in named.values())
    found = query_detections(answers, QUERIES)[0]
    return found.take(found.score > 0.5)


def judged(scenes: NuScenes, path: Path, detect: Callable[[DrivingBoxes], Detections]) -> NuScenesFigures:
    results = {
        record.token: sample_results(detect(truth_of(scenes, index)), record)
        for index, record in enumerate(scenes.records)
    }
    write_results(path, results, lidar=True, camera=False)
    return measure_nuscenes_detection(scenes.path, scenes.config.version, tuple(results), path)


@pytest.mark.parametrize("detect", [through_the_center_head, through_the_query_head])
def test_the_truth_fed_back_scores_one(
    tables: ScenesWithTables, tmp_path: Path, detect: Callable[[DrivingBoxes], Detections]
) -> None:
    figures = judged(tables.scenes, tmp_path / "results.json", detect)
    assert min(figures.counts) > 0
    assert figures.mean_ap == pytest.approx(1.0, abs=1e-9)
    assert figures.nds == pytest.approx(1.0, abs=1e-5)
    assert max(figures.errors) < 1e-4
    assert {m.name: m.unit for m in figures.measurements()}["nds"] == "%"


def test_what_is_wrong_with_boxes_shows_in_its_own_error(tables: ScenesWithTables, tmp_path: Path) -> None:
    def slow_and_turned(truth: DrivingBoxes) -> Detections:
        found = through_the_query_head(truth)
        code = encode_boxes(found.boxes)
        turned = found.boxes.geometry.heading + 0.2
        geometry = type(found.boxes.geometry)(
            center=found.boxes.geometry.center + torch.tensor([0.6, 0.0, 0.0]),
            size=found.boxes.geometry.size,
            heading=turned,
        )
        boxes = DrivingBoxes(
            geometry=geometry,
            velocity=code[:, 8:] + torch.tensor([0.0, 0.5]),
            label=found.boxes.label,
            attribute=found.boxes.attribute,
        )
        return Detections(boxes=boxes, score=found.score)

    figures = judged(tables.scenes, tmp_path / "results.json", slow_and_turned)
    place, size, heading, speed, attribute = figures.errors
    assert place == pytest.approx(0.6, abs=0.02)
    assert size < 1e-3
    assert heading == pytest.approx(0.2, abs=0.02)
    assert speed == pytest.approx(0.5, abs=0.02)
    assert attribute < 1e-4
    assert figures.mean_ap < 0.9  # one of the four distances is nearer than the error


def test_other_scenes_have_no_tables() -> None:
    with pytest.raises(ValueError, match="measured on streets or nuscenes, .* not on rooms"):
        ScenesWithTables(SyntheticRoomsConfig())


def test_written_tables_are_removed() -> None:
    tables = ScenesWithTables(STREETS.model_copy(update={"keyframes": 1}))
    path = tables.scenes.path
    assert path.is_dir()
    tables.close()
    assert not path.parent.exists()
