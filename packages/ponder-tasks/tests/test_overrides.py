"""Recipes changed by keys and files, written and read back."""

import pytest
from ponder_tasks.overrides import apply_mapping, apply_overrides, read_recipe, recipe_to_yaml
from ponder_tasks.recipe import PretrainRecipe
from ponder_tasks.recipes import RECIPES, get_recipe, list_recipes


@pytest.mark.parametrize("make", RECIPES, ids=lambda make: make.__name__)
def test_every_recipe_survives_yaml(make, tmp_path):
    recipe = make()
    file = tmp_path / "recipe.yaml"
    file.write_text(recipe_to_yaml(recipe), encoding="utf-8")
    assert read_recipe(file) == recipe


@pytest.mark.parametrize("make", RECIPES, ids=lambda make: make.__name__)
def test_a_recipe_is_named_after_its_function(make):
    assert make().name == make.__name__.replace("_", "-")
    assert make().description


def test_values_are_read_as_their_type():
    recipe = apply_overrides(
        get_recipe("rooms"), ["trainer.steps=7", "optimizer.learning_rate=1e-3", "trainer.devices=auto"]
    )
    assert isinstance(recipe, PretrainRecipe)
    assert recipe.trainer.steps == 7
    assert recipe.optimizer.learning_rate == pytest.approx(1e-3)
    assert recipe.trainer.devices == "auto"


def test_the_original_is_not_changed():
    recipe = get_recipe("rooms")
    before = recipe_to_yaml(recipe)
    apply_overrides(recipe, ["trainer.steps=7"])
    assert recipe_to_yaml(recipe) == before


def test_a_mapping_changes_only_what_it_names():
    recipe = get_recipe("rooms")
    changed = apply_mapping(recipe, {"trainer": {"steps": 9}})
    assert changed.trainer.steps == 9
    assert changed.model_copy(update={"trainer": recipe.trainer}) == recipe


@pytest.mark.parametrize(
    ("assignment", "parts"),
    [
        ("trainer.stepz=3", ["trainer.stepz", "3", "trainer.steps"]),
        ("steps=3", ["'steps'", "3", "trainer.steps"]),
        ("trainer.steps=many", ["trainer.steps", "many"]),
        ("trainer.steps=-1", ["trainer.steps", "-1"]),
        ("trainer.steps", ["trainer.steps", "key=value"]),
        ("trainer.precision=float8", ["trainer.precision", "float8", "bfloat16"]),
    ],
)
def test_a_wrong_key_or_value_is_named(assignment, parts):
    with pytest.raises(ValueError, match=".") as caught:
        apply_overrides(get_recipe("rooms"), [assignment])
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(ValueError, match="nearest is 'rooms'"):
        get_recipe("room")


def test_the_list_names_every_recipe_once():
    names = [info.name for info in list_recipes()]
    assert len(names) == len(set(names)) == len(RECIPES)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "a: [1\n", "task: pretrain\nname: x\n"])
def test_a_broken_recipe_file_is_one_readable_line(text, tmp_path):
    file = tmp_path / "recipe.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="recipe.yaml") as caught:
        read_recipe(file)
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="nothing.yaml is not there"):
        read_recipe(tmp_path / "nothing.yaml")
