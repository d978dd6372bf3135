"""Recipes changed by keys and files, written and read back."""

from pathlib import Path

import pytest
from ponder_data import ROOM_CLASSES, Mixture, SyntheticRoomsConfig, Visits
from ponder_tasks.overrides import apply_mapping, apply_overrides, read_recipe, recipe_to_yaml
from ponder_tasks.recipe import PretrainRecipe
from ponder_tasks.recipes import RECIPES, get_recipe, list_recipes
from ponder_tasks.scene_config import MixPartConfig, MixtureConfig, scene_config_at
from ponder_tasks.scene_sources import open_scenes


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


def test_scenes_of_another_kind_take_the_place_of_the_recipe_s():
    mixture = {
        "kind": "mixture",
        "parts": [
            {"data": {"kind": "rooms", "scenes": 4}},
            {"data": {"kind": "scans", "path": "my/scans"}, "loop": 4, "condition": "ScanNet"},
        ],
    }
    recipe = get_recipe("rooms")
    changed = apply_mapping(recipe, {"train_data": mixture, "trainer": {"steps": 9}})
    assert changed.train_data.kind == "mixture"
    assert [part.loop for part in changed.train_data.parts] == [1, 4]
    assert changed.trainer.steps == 9
    assert changed.val_data == recipe.val_data
    same_kind = apply_mapping(recipe, {"train_data": {"kind": "rooms", "scenes": 5}})
    assert same_kind.train_data == recipe.train_data.model_copy(update={"scenes": 5})
    with pytest.raises(ValueError, match="loop"):
        apply_mapping(recipe, {"train_data": {**mixture, "parts": [{**mixture["parts"][0], "loop": -1}]}})


def test_a_mixture_opens_as_its_datasets():
    mixture = MixtureConfig(
        parts=(
            MixPartConfig(data=SyntheticRoomsConfig(scenes=3), loop=2),
            MixPartConfig(data=SyntheticRoomsConfig(scenes=2, first=10), condition="late"),
        )
    )
    scenes = open_scenes(mixture)
    assert isinstance(scenes, Mixture)
    assert scenes.visits == (Visits(3, 6), Visits(2, 2))
    assert scenes.conditions == ("rooms", "late")
    assert scenes.class_names == ROOM_CLASSES
    with pytest.raises(ValueError, match="generated; leave --data out"):
        scene_config_at(mixture, Path("somewhere"))
