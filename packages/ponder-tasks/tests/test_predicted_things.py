"""Instances and boxes that trained runs find in a scene, and the files that hold them."""

import json
from pathlib import Path

import numpy as np
import ponder_tasks
import pytest
import torch
import trimesh
from ponder_data import Scene, SyntheticRooms, SyntheticRoomsConfig, read_scan
from ponder_tasks.boxes.oriented_boxes import OrientedBoxes
from ponder_tasks.detect.evaluation import detect_in_scene
from ponder_tasks.finetuning import run_finetuning
from ponder_tasks.instances.point_instances import PointInstances
from ponder_tasks.listener import SilentListener
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.prediction.box_predictor import BoxPredictor
from ponder_tasks.prediction.predicted import Predicted
from ponder_tasks.prediction.predicted_boxes import EDGE_POINTS, PredictedBoxes
from ponder_tasks.prediction.predicted_instances import PredictedInstances
from ponder_tasks.prediction.prediction_file import predict_scan
from ponder_tasks.recipe import FinetuneRecipe
from ponder_tasks.recipes import get_recipe
from ponder_tasks.report.palette import UNLABELLED, class_palette

SMALL = [
    f"{data}.{change}"
    for data in ("train_data", "val_data")
    for change in ("scenes=1", "views=3", "image_width=64", "image_height=48")
]
TINY = [
    *SMALL,
    "sample.grid_size=0.15",
    "encoder.base_channels=8",
    "encoder.channels=[8,16,16,8]",
    "encoder.layers=[1,1,1,1]",
    "encoder.backend=torch",
    "trainer.batch_size=1",
    "trainer.workers=0",
]
ROOM = SyntheticRoomsConfig(scenes=1, views=3, image_width=64, image_height=48, held_out_views=0)


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    room = SyntheticRooms(ROOM)[0]
    far = room.coord + torch.tensor([5.0, -6.0, 7.0])
    np.savez(tmp_path / "scan.npz", coord=far.numpy(), color=room.color.numpy(), normal=room.normal.numpy())
    return tmp_path / "scan.npz"


def trained(name: str, path: Path, *changes: str) -> Path:
    recipe = apply_overrides(get_recipe(name), [*TINY, *changes])
    assert isinstance(recipe, FinetuneRecipe)
    run_finetuning(recipe, path, command="test", listener=SilentListener())
    return path


def test_an_instance_run_says_which_thing_each_point_belongs_to(scan: Path, tmp_path: Path) -> None:
    run = trained(
        "rooms-instances",
        tmp_path / "run",
        "trainer.steps=8",
        "grouping.radius=0.25",
        "grouping.minimum_points=3",
        "selection.minimum_points=10",
        "selection.minimum_score=0",
        "evaluation.minimum_points=10",
        "optimizer.learning_rate=0.1",
    )
    written = predict_scan(run, scan, tmp_path / "out.ply")
    predicted = ponder_tasks.load(run).predict(read_scan(scan))
    assert isinstance(predicted, PredictedInstances)
    assert isinstance(predicted, Predicted)
    assert len(predicted.instances) > 0
    tree = json.loads(written.json.read_text())
    assert tree["semantic"] == predicted.semantic.tolist()
    assert tree["instance"] == predicted.instance().tolist()
    assert [row["instance"] for row in tree["instances"]] == list(range(len(predicted.instances)))
    scores = [row["score"] for row in tree["instances"]]
    assert scores == sorted(scores, reverse=True)
    cloud = trimesh.load(tmp_path / "out.ply")
    assert isinstance(cloud, trimesh.PointCloud)
    first = np.array(tree["instance"]) == 0
    assert (cloud.colors[first][:, :3] == tree["instances"][0]["color"]).all()
    assert first.sum() == tree["instances"][0]["points"], "nothing is surer than the first"


def test_the_surest_of_two_instances_has_the_points_they_share() -> None:
    predicted = PredictedInstances(
        scene=scene_of(torch.rand(5, 3)),
        instances=PointInstances(
            point=torch.tensor([0, 1, 1, 2, 3]),
            offsets=torch.tensor([2, 5]),
            label=torch.tensor([1, 1]),
            score=torch.tensor([0.9, 0.4]),
        ),
        semantic=torch.tensor([1, 1, 1, 1, 0]),
        class_names=("floor", "chair"),
    )
    assert predicted.instance().tolist() == [0, 0, 1, 1, -1]
    assert predicted.summary() == "2 chair"
    assert predicted.colors()[4].tolist() == pytest.approx(UNLABELLED)


def test_a_detection_run_finds_boxes_where_the_scan_lies(scan: Path, tmp_path: Path) -> None:
    run = trained(
        "rooms-detect",
        tmp_path / "run",
        "trainer.steps=2",
        "votenet.seeds=64",
        "votenet.proposals=16",
        "votenet.channels=16",
        "decoding.least_points=0",
        "decoding.least_objectness=0",
    )
    written = predict_scan(run, scan, tmp_path / "out.ply")
    predictor = ponder_tasks.load(run)
    assert isinstance(predictor, BoxPredictor)
    predicted = predictor.predict(read_scan(scan))
    room = SyntheticRooms(ROOM)[0]
    detected = detect_in_scene(predictor.model, room)
    centred = detected.found.detections(every_class=False)
    assert len(predicted.boxes) == len(centred) > 0
    moved = read_scan(scan).coord[0] - detected.scene.coord[0]
    torch.testing.assert_close(
        predicted.boxes.center.sort(dim=0).values,
        (centred.boxes.center + moved).sort(dim=0).values,
        atol=1e-2,
        rtol=0,
    )
    tree = json.loads(written.json.read_text())
    assert len(tree["boxes"]) == len(predicted.boxes)
    assert tree["boxes"][0]["center"] == pytest.approx(predicted.boxes.center[0].tolist(), abs=1e-4)
    cloud = trimesh.load(tmp_path / "out.ply")
    assert isinstance(cloud, trimesh.PointCloud)
    assert len(cloud.vertices) == len(room) + 12 * EDGE_POINTS * len(predicted.sure())


def test_boxes_are_drawn_by_points_inside_and_along_their_edges() -> None:
    coord = torch.tensor([[0.0, 0.0, 0.0], [0.9, 0.0, 0.0], [0.0, 0.9, 0.0]])
    predicted = PredictedBoxes(
        scene=scene_of(coord),
        boxes=OrientedBoxes(
            center=torch.zeros(3, 3),
            size=torch.tensor([[2.0, 1.0, 1.0], [2.0, 2.0, 2.0], [9.0, 9.0, 9.0]]),
            heading=torch.zeros(3),
        ),
        label=torch.tensor([1, 0, 0]),
        score=torch.tensor([0.9, 0.6, 0.2]),
        class_names=("chair", "table"),
    )
    palette = class_palette(2)
    np.testing.assert_allclose(predicted.colors().numpy(), palette[[1, 1, 0]], atol=1e-6)
    drawing = predicted.drawing()
    edges = drawing.coord[3:].view(2, 12 * EDGE_POINTS, 3)
    half = torch.tensor([[1.0, 0.5, 0.5], [1.0, 1.0, 1.0]])
    torch.testing.assert_close(edges.amax(dim=1), half)
    on_faces = ((edges.abs() - half[:, None]).abs() < 1e-6).sum(dim=2)
    assert (on_faces >= 2).all(), "a point of an edge lies on two faces"
    assert predicted.summary() == "1 chair, 1 table (and 1 less than 50% sure, in the JSON only)"


def scene_of(coord: torch.Tensor) -> Scene:
    up = torch.tensor([[0.0, 0.0, 1.0]]).expand(len(coord), 3)
    return Scene(name="few", dataset="scan", coord=coord, color=torch.full_like(coord, 0.5), normal=up)
