"""Several datasets together: norms of their own, one table of texts, and where such encoders come from."""

import json
from pathlib import Path

import pytest
import torch
from ponder_data import SyntheticRoomsConfig
from ponder_encoders import SparseUNet, SparseUNetConfig
from ponder_encoders.text import ClassTable, NpzConfig, TextConfig, write_npz
from ponder_tasks.checkpoint import save_weights
from ponder_tasks.encoder_source import with_encoder
from ponder_tasks.evaluation import evaluate_run
from ponder_tasks.finetuning import run_finetuning
from ponder_tasks.language import LanguageConfig
from ponder_tasks.listener import SilentListener
from ponder_tasks.recipe import SegmentRecipe, TrainerConfig
from ponder_tasks.recipes import get_recipe
from ponder_tasks.scene_config import MixPartConfig, MixtureConfig
from ponder_tasks.scene_sources import open_scenes

CONDITIONS = ("first", "second")
ENCODER = SparseUNetConfig(base_channels=8, channels=(8, 8), layers=(1, 1), backend="torch")


def rooms(split: str, first: int) -> SyntheticRoomsConfig:
    return SyntheticRoomsConfig.model_validate(
        {
            "split": split,
            "scenes": 1,
            "first": first,
            "views": 2,
            "held_out_views": 0,
            "image_width": 48,
            "image_height": 36,
        }
    )


def mixture(split: str) -> MixtureConfig:
    return MixtureConfig(
        parts=tuple(
            MixPartConfig(data=rooms(split, first), condition=name) for first, name in enumerate(CONDITIONS)
        )
    )


def joint_recipe(conditions: tuple[str, ...] = CONDITIONS) -> SegmentRecipe:
    base = get_recipe("rooms-semseg")
    assert isinstance(base, SegmentRecipe)
    return base.model_copy(
        update={
            "train_data": mixture("train"),
            "val_data": mixture("val"),
            "encoder": ENCODER.model_copy(update={"conditions": conditions}),
            "sample": base.sample.model_copy(update={"grid_size": 0.25}),
            "trainer": TrainerConfig(steps=2, batch_size=2, workers=0),
        }
    )


def saved(folder: Path, conditions: tuple[str, ...]) -> Path:
    torch.manual_seed(1)
    recipe = joint_recipe(conditions)
    encoder = SparseUNet(recipe.encoder)
    tensors = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    save_weights(folder / "checkpoints", tensors=tensors, recipe=recipe)
    return folder


def test_joint_training_with_texts_starts_from_joint_norms_and_is_measured_again(tmp_path: Path) -> None:
    recipe = joint_recipe()
    names = open_scenes(recipe.train_data).class_names
    rows = torch.nn.functional.normalize(torch.randn(len(names), 8), dim=1)
    write_npz(ClassTable(names=names, embeddings=rows, source="test"), tmp_path / "texts.npz")
    language = LanguageConfig(text=TextConfig(source=NpzConfig(path=tmp_path / "texts.npz")), channels=8)
    recipe = with_encoder(recipe, str(saved(tmp_path / "pretrained", CONDITIONS)))
    assert recipe.encoder.conditions == CONDITIONS
    run = tmp_path / "run"
    end = run_finetuning(
        recipe.model_copy(update={"language": language}), run, command="test", listener=SilentListener()
    )
    again = evaluate_run(run)
    assert [m.value for m in again.measurements] == pytest.approx([m.value for m in end.measurements])
    assert json.loads(again.as_json())["scenes"] == 2


def test_an_encoder_without_the_recipes_norms_is_refused(tmp_path: Path) -> None:
    plain = str(saved(tmp_path / "plain", ()))
    with pytest.raises(ValueError, match=r"first, second together.*the same norms for all data"):
        with_encoder(joint_recipe(), plain)
    other = str(saved(tmp_path / "other", ("first", "third")))
    with pytest.raises(ValueError, match="norms for first, third"):
        with_encoder(joint_recipe(), other)
    with pytest.raises(ValueError, match="leave it out"):
        with_encoder(joint_recipe(), other, "first")


def test_a_recipe_for_one_dataset_takes_the_norms_of_one(tmp_path: Path) -> None:
    source = str(saved(tmp_path / "joint", CONDITIONS))
    recipe = with_encoder(joint_recipe(()), source, "second")
    assert recipe.encoder.conditions == ()
    assert recipe.encoder_condition == "second"
    with pytest.raises(ValueError, match="choose the one most like your data"):
        with_encoder(joint_recipe(()), source)
