"""A segmentation run as an object, and the files that hold what it says."""

import json
from pathlib import Path

import numpy as np
import ponder_tasks
import pytest
import torch
import trimesh
from ponder_data import ROOM_CLASSES, Scene, read_scan
from ponder_tasks.checkpoint import save_weights
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.prediction.predicted import Predicted, PredictedClasses
from ponder_tasks.prediction.prediction_file import predict_scan
from ponder_tasks.recipes.rooms import rooms
from ponder_tasks.recipes.rooms_semseg import rooms_semseg
from ponder_tasks.report.palette import class_palette
from ponder_tasks.segment.evaluation import segment_scene
from ponder_tasks.segment.model import SegmentationModel

TINY = (
    "encoder.base_channels=8",
    "encoder.channels=[8,16,16,8]",
    "encoder.layers=[1,1,1,1]",
    "encoder.backend=torch",
)
RECIPE = apply_overrides(rooms_semseg(), TINY)


def model() -> SegmentationModel:
    torch.manual_seed(0)
    return SegmentationModel(RECIPE, classes=len(ROOM_CLASSES)).eval()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    save_weights(tmp_path / "run" / "checkpoints", tensors=model().state_dict(), recipe=RECIPE)
    return tmp_path / "run"


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    coord = rng.uniform(0, 1, size=(500, 3)).astype(np.float32) + np.array([5, 6, 7], dtype=np.float32)
    np.savez(tmp_path / "scan.npz", coord=coord, color=rng.uniform(size=(500, 3)).astype(np.float32))
    return tmp_path / "scan.npz"


def test_a_loaded_run_says_what_its_evaluation_says(run: Path, scan: Path) -> None:
    scene = read_scan(scan)
    predicted = ponder_tasks.load(str(run)).predict(scene)
    assert isinstance(predicted, PredictedClasses)
    assert isinstance(predicted, Predicted)
    assert predicted.scene is scene
    assert predicted.class_names == ROOM_CLASSES
    assert torch.equal(predicted.semantic, segment_scene(model(), scene, RECIPE.sample.grid_size).prediction)
    assert ((predicted.confidence > 1 / len(ROOM_CLASSES)) & (predicted.confidence <= 1)).all()


def test_the_files_hold_every_point_in_its_classs_colour(run: Path, scan: Path, tmp_path: Path) -> None:
    written = predict_scan(run, scan, tmp_path / "out.ply")
    predicted = ponder_tasks.load(run).predict(read_scan(scan))
    assert isinstance(predicted, PredictedClasses)
    cloud = trimesh.load(tmp_path / "out.ply")
    assert isinstance(cloud, trimesh.PointCloud)
    np.testing.assert_allclose(cloud.vertices, predicted.scene.coord.numpy(), atol=1e-6)
    expected = np.round(255 * class_palette(len(ROOM_CLASSES))[predicted.semantic.numpy()])
    np.testing.assert_allclose(cloud.colors[:, :3], expected, atol=1)
    tree = json.loads(written.json.read_text())
    assert written.json == tmp_path / "out.json"
    assert tree["semantic"] == predicted.semantic.tolist()
    assert (tree["points"], tree["scan"]) == (500, str(scan))
    assert [row["name"] for row in tree["classes"]] == list(ROOM_CLASSES)
    assert sum(row["points"] for row in tree["classes"]) == 500
    assert written.summary == predicted.summary()


def test_the_summary_names_what_occurs_by_its_share() -> None:
    up = torch.tensor([[0.0, 0.0, 1.0]]).repeat(4, 1)
    scene = Scene(name="four", dataset="scan", coord=torch.rand(4, 3), color=torch.rand(4, 3), normal=up)
    predicted = PredictedClasses(
        scene=scene,
        semantic=torch.tensor([2, 0, 2, 2]),
        confidence=torch.ones(4),
        class_names=("floor", "wall", "chair"),
    )
    assert predicted.summary() == "chair 75.0 %, floor 25.0 %"


def test_what_predicts_nothing_is_told(run: Path, scan: Path, tmp_path: Path) -> None:
    recipe = apply_overrides(rooms(), TINY)
    save_weights(tmp_path / "pre" / "checkpoints", tensors={"one": torch.zeros(1)}, recipe=recipe)
    with pytest.raises(ValueError, match=r"task pretrain\) predicts nothing of scans"):
        ponder_tasks.load(tmp_path / "pre")
    with pytest.raises(ValueError, match=r"must end in \.ply"):
        predict_scan(run, scan, tmp_path / "out.txt")
    with pytest.raises(ValueError, match="is not there; make it first"):
        predict_scan(run, scan, tmp_path / "no" / "out.ply")
    with pytest.raises(ValueError, match="is not there; give a run folder"):
        ponder_tasks.load(tmp_path / "nowhere")
