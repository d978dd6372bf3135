from pathlib import Path

import pytest
from ponder_cli.changes import Changes, chosen_recipe, of_kind
from ponder_cli.options import Device
from ponder_tasks.overrides import recipe_to_yaml
from ponder_tasks.recipe import PretrainRecipe, SegmentRecipe
from ponder_tasks.recipes import get_recipe


def test_without_changes_the_recipe_is_as_it_is() -> None:
    assert chosen_recipe("rooms", (PretrainRecipe,), Changes()) == get_recipe("rooms")


def test_the_more_explicit_option_wins(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("trainer:\n  steps: 5\n  batch_size: 3\n  seed: 1\n")
    changes = Changes(
        recipe_file=file, assignments=("trainer.steps=6", "trainer.batch_size=4"), steps=7, device=Device.cpu
    )
    trainer = chosen_recipe("rooms", (PretrainRecipe,), changes).trainer
    assert (trainer.steps, trainer.batch_size, trainer.seed, trainer.accelerator) == (7, 4, 1, "cpu")


def test_a_seed_of_zero_is_a_seed() -> None:
    changes = Changes(assignments=("trainer.seed=3",), seed=0)
    assert chosen_recipe("rooms", (PretrainRecipe,), changes).trainer.seed == 0


def test_a_whole_recipe_file_needs_no_name(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(recipe_to_yaml(get_recipe("rooms-semseg")))
    assert chosen_recipe(None, (SegmentRecipe,), Changes(recipe_file=file)) == get_recipe("rooms-semseg")


def test_data_goes_to_training_and_validation(tmp_path: Path) -> None:
    recipe = chosen_recipe("rgbd", (PretrainRecipe,), Changes(data=tmp_path))
    assert recipe.train_data.model_dump()["path"] == tmp_path
    assert recipe.val_data.model_dump()["path"] == tmp_path


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        (None, Changes(), "no recipe given; 'ponder recipes' lists them"),
        ("rooms-semseg", Changes(), "is a recipe for 'ponder finetune'"),
        ("romos", Changes(), "nearest is 'rooms'"),
        ("rooms", Changes(data=Path("folder")), "leave --data out"),
        ("rooms", Changes(assignments=("trainer.stpes=3",)), "nearest key is 'trainer.steps'"),
        ("rooms", Changes(steps=0), "key 'trainer.steps' cannot be 0"),
        ("rooms", Changes(recipe_file=Path("nowhere.yaml")), "nowhere.yaml is not there"),
    ],
)
def test_what_does_not_fit_is_an_error(name: str | None, changes: Changes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        chosen_recipe(name, (PretrainRecipe,), changes)


def test_a_recipe_of_the_other_kind_names_its_command() -> None:
    with pytest.raises(ValueError, match="rooms is a recipe for 'ponder pretrain'; use that command"):
        of_kind(get_recipe("rooms"), (SegmentRecipe,))
