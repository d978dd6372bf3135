"""A whole run of reconstruction: trained, reported, measured again; and data that are no solids."""

from pathlib import Path

import pytest
import torch
import trimesh
from ponder_tasks.checkpoint import load_weights
from ponder_tasks.encoder_source import with_encoder
from ponder_tasks.evaluation import EvaluationOptions, evaluate_run
from ponder_tasks.finetuning import finetune_task, run_finetuning
from ponder_tasks.listener import SilentListener
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.recipe import ReconstructRecipe
from ponder_tasks.recipes import get_recipe
from ponder_tasks.recipes.meshes_reconstruct import meshes_reconstruct
from ponder_tasks.recipes.rooms_reconstruct import rooms_reconstruct
from ponder_tasks.run_folder import RunFolder
from ponder_tasks.scene_config import scene_config_at

TINY = (
    "encoder.base_channels=8",
    "encoder.channels=[8,16,16,8]",
    "encoder.layers=[1,1,1,1]",
    "encoder.backend=torch",
    "points.count=300",
    "points.queries=64",
    "points.encoder_cells=12",
    "network.volume_cells=12",
    "network.point_channels=8",
    "network.dense.channels=8",
    "evaluation.shapes=2",
    "evaluation.resolution=12",
    "evaluation.surface_points=500",
    "evaluation.volume_points=500",
    "train_data.surface_points=500",
    "val_data.surface_points=500",
    "trainer.steps=2",
    "trainer.workers=0",
    "trainer.accelerator=cpu",
)


def trained(path: Path, recipe: ReconstructRecipe) -> dict[str, float]:
    end = run_finetuning(recipe, path, command="test", listener=SilentListener())
    return {measurement.name: measurement.value for measurement in end.measurements}


def test_a_run_is_measured_again_to_the_same_figures_and_starts_another(tmp_path: Path) -> None:
    recipe = apply_overrides(rooms_reconstruct(), (*TINY, "train_data.shapes=2"))
    found = trained(tmp_path / "run", recipe)
    assert set(found) == {"chamfer_l1", "f_score", "normal_consistency", "volumetric_iou", "empty_shapes"}
    again = evaluate_run(tmp_path / "run")
    assert {measurement.name: measurement.value for measurement in again.measurements} == found
    assert (again.scenes, again.task, again.per_class) == (2, "reconstruct", None)
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Surface reconstruction: rooms-reconstruct" in page
    assert "Noisy points" in page
    assert "True surface" in page
    assert RunFolder.open(tmp_path / "run").recipe() == recipe
    probe = with_encoder(recipe, str(tmp_path / "run")).model_copy(update={"freeze_encoder": True})
    task = finetune_task(probe)
    before = load_weights(tmp_path / "run").tensors["encoder.stem.convolution.weight"]
    assert torch.equal(task.model.state_dict()["encoder.stem.convolution.weight"], before)


def test_a_folder_of_meshes_is_learned(tmp_path: Path) -> None:
    folder = tmp_path / "meshes"
    folder.mkdir()
    for number in range(3):
        trimesh.creation.box((1, 1 + number, 2)).export(folder / f"box{number}.ply")
    recipe = apply_overrides(meshes_reconstruct(), TINY)
    with pytest.raises(ValueError, match=r"name it with --data FOLDER"):
        finetune_task(recipe)
    data = {name: scene_config_at(getattr(recipe, name), folder) for name in ("train_data", "val_data")}
    found = trained(tmp_path / "run", recipe.model_copy(update=data))
    assert found["chamfer_l1"] > 0
    assert evaluate_run(tmp_path / "run", EvaluationOptions(data=folder)).scenes == 1


def test_rooms_are_no_solids() -> None:
    rooms = get_recipe("rooms").train_data
    with pytest.raises(ValueError, match="rooms are none; take data of kind furniture or meshes"):
        finetune_task(rooms_reconstruct().model_copy(update={"train_data": rooms}))
    with pytest.raises(ValueError, match="furniture are generated and read no folder"):
        scene_config_at(rooms_reconstruct().train_data, Path("meshes"))
