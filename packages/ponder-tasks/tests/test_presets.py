"""Presets: which labels pre-training uses, and the published code's departures, on a tiny room."""

from pathlib import Path

import pytest
import torch
from ponder_data import Batch
from ponder_encoders.text import ClassTable, NpzConfig, TextConfig, write_npz
from ponder_tasks.language import LanguageConfig
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.pretrain.labels import LabelsConfig
from ponder_tasks.pretrain.released_code import (
    ReleasedCodeConfig,
    conditions_of,
    contrast_of_rays,
    semantic_labels,
)
from ponder_tasks.pretrain.task import PretrainTask
from ponder_tasks.recipe import PretrainRecipe
from ponder_tasks.recipes import get_recipe
from ponder_tasks.recipes.presets import PRESETS

TINY = (
    "train_data.scenes=1",
    "train_data.views=2",
    "train_data.image_width=32",
    "train_data.image_height=24",
    "val_data.scenes=1",
    "val_data.views=2",
    "val_data.held_out_views=1",
    "val_data.image_width=32",
    "val_data.image_height=24",
    "sample.grid_size=0.25",
    "sample.masking.ratio=0",
    "encoder.base_channels=8",
    "encoder.channels=[8,8]",
    "encoder.layers=[1,1]",
    "encoder.backend=torch",
    "sample.views_per_scene=2",
    "sample.rays_per_view=16",
    "renderer.volume_shape=[8,8,8]",
    "renderer.dense.channels=8",
    "renderer.dense.projected_channels=8",
    "renderer.field.hidden=16",
    "renderer.sampler.uniform=16",
    "renderer.sampler.importance=4",
    "evaluation.scenes=1",
    "evaluation.views_per_scene=1",
    "evaluation.pixel_stride=4",
    "trainer.workers=0",
    "trainer.batch_size=1",
)
CHANNELS = 8


def tiny(preset: str, folder: Path) -> PretrainRecipe:
    """The preset on a tiny room, with embeddings from a file in the place of a language model's."""
    recipe = apply_overrides(get_recipe("rooms"), TINY)
    assert isinstance(recipe, PretrainRecipe)
    recipe = PRESETS[preset](recipe)
    if recipe.labels is None:
        return recipe
    names = PretrainTask(apply_overrides(get_recipe("rooms"), TINY)).scenes.class_names  # type: ignore[arg-type]
    rows = torch.nn.functional.normalize(torch.randn(len(names), CHANNELS), dim=1)
    write_npz(ClassTable(names=names, embeddings=rows, source="test"), folder / "texts.npz")
    language = LanguageConfig(text=TextConfig(source=NpzConfig(path=folder / "texts.npz")), channels=CHANNELS)
    field = recipe.renderer.field.model_copy(update={"semantic_channels": CHANNELS})
    return recipe.model_copy(
        update={
            "labels": LabelsConfig(language=language, points=recipe.labels.points),
            "renderer": recipe.renderer.model_copy(update={"field": field}),
        }
    )


RENDERED = {"color", "distance", "eikonal", "near_surface", "free_space"}


@pytest.mark.parametrize(
    ("preset", "terms"),
    [
        ("label-free", RENDERED),
        ("labels-2d", RENDERED | {"semantic"}),
        ("labels-3d", RENDERED | {"semantic", "language"}),
        ("released-code", RENDERED | {"semantic", "language"}),
    ],
)
def test_a_preset_has_its_terms_and_measures_what_it_renders(
    preset: str, terms: set[str], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    task = PretrainTask(tiny(preset, tmp_path))
    losses = task.model(task.batches(0, 1)[0], torch.Generator().manual_seed(0), 0.0)
    assert set(losses.named()) == terms
    losses.total.backward()
    if task.model.language_head is not None:
        trained = task.model.language_head.projection.weight.grad is not None
        assert trained == (preset == "labels-3d")
    task.model.eval()
    assert ("semantic_miou" in {m.name for m in task.validate()}) == (preset != "label-free")


def test_no_preset_but_the_last_departs_from_the_paper(tmp_path: Path) -> None:
    for preset in PRESETS:
        quirks = PRESETS[preset](get_recipe("rooms")).released_code  # type: ignore[arg-type]
        assert (quirks == ReleasedCodeConfig()) == (preset != "released-code")


def test_semantic_channels_without_labels_are_an_error() -> None:
    with pytest.raises(ValueError, match="no labels are used"):
        apply_overrides(get_recipe("rooms"), ["renderer.field.semantic_channels=384"])


def test_the_contrast_of_rays_is_its_formula() -> None:
    generator = torch.Generator().manual_seed(0)
    rendered = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    table = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    label = torch.tensor([2, -1, 0, 2, 1])
    rows = [0, 2, 3, 4]
    total = 0.0
    for i in rows:
        similarity = [float(torch.cosine_similarity(rendered[i], table[label[k]], dim=0)) / 0.1 for k in rows]
        exponentials = torch.tensor(similarity, dtype=torch.float64).exp()
        total -= float((exponentials[rows.index(i)] / exponentials.sum()).log())
    assert float(contrast_of_rays(rendered, label, table, 0.1)) == pytest.approx(total / 4, rel=1e-9)
    assert float(contrast_of_rays(rendered, torch.full((5,), -1), table, 0.1)) == 0.0


def test_flags_change_labels_and_conditions_only_when_set() -> None:
    off, on = ReleasedCodeConfig(), ReleasedCodeConfig(class_zero_ignored=True, first_condition_only=True)
    label = torch.tensor([0, 1, -1])
    assert semantic_labels(label, off).tolist() == [0, 1, -1]
    assert semantic_labels(label, on).tolist() == [-1, 1, -1]
    batch = Batch(
        coord=torch.zeros(2, 3),
        grid_coord=torch.zeros(2, 3, dtype=torch.long),
        features=torch.zeros(2, 6),
        offsets=torch.tensor([1, 2]),
        lower=torch.zeros(2, 3),
        upper=torch.ones(2, 3),
        semantic=torch.zeros(2, dtype=torch.long),
        instance=torch.zeros(2, dtype=torch.long),
        rays=None,
        names=("a", "b"),
        datasets=("first", "second"),
        conditions=("first", "second"),
    )
    assert conditions_of(batch, off) == ("first", "second")
    assert conditions_of(batch, on) == ("first", "first")
