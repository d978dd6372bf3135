"""What a person changed of a recipe on the command line, and the recipe that comes of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ponder_cli.options import Device

if TYPE_CHECKING:  # ponder_tasks brings torch, which would make `ponder --help` wait
    from ponder_tasks.recipe import FinetuneRecipe, PretrainRecipe, Recipe

    RecipeKind = TypeVar("RecipeKind", bound=PretrainRecipe | FinetuneRecipe)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Applied in the order of the fields, so that the more explicit option wins."""

    preset: str | None = None
    recipe_file: Path | None = None
    assignments: tuple[str, ...] = ()
    data: Path | None = None
    steps: int | None = None
    seed: int | None = None
    device: Device | None = None

    def options(self) -> list[str]:
        """Return the names of the options that were given."""
        given = {
            "--preset": self.preset is not None,
            "--recipe-file": self.recipe_file is not None,
            "--set": bool(self.assignments),
            "--data": self.data is not None,
            "--steps": self.steps is not None,
            "--seed": self.seed is not None,
            "--device": self.device is not None,
        }
        return [option for option, present in given.items() if present]


def chosen_recipe(name: str | None, kind: "type[RecipeKind]", changes: Changes) -> "RecipeKind":
    """Return the recipe called ``name`` with ``changes`` made; without a name, the one in the recipe file.

    Raises:
        ValueError: for no recipe, one of another kind, or a change that does not fit.
    """
    from ponder_tasks.overrides import apply_mapping, apply_overrides, read_mapping, read_recipe
    from ponder_tasks.recipes import get_recipe

    if name is not None:
        recipe = of_kind(get_recipe(name), kind)
        if changes.preset is not None:
            recipe = _preset(recipe, changes.preset)
        if changes.recipe_file is not None:
            recipe = apply_mapping(recipe, read_mapping(changes.recipe_file))
    elif changes.preset is not None:
        raise ValueError(f"--preset {changes.preset} changes a recipe: name one; 'ponder recipes' lists them")
    elif changes.recipe_file is not None:
        recipe = of_kind(read_recipe(changes.recipe_file), kind)
    else:
        raise ValueError("no recipe given; 'ponder recipes' lists them")
    recipe = apply_overrides(recipe, changes.assignments)
    if changes.data is not None:
        recipe = _reading(recipe, changes.data)
    return apply_overrides(recipe, _trainer_assignments(changes))


def of_kind(recipe: "Recipe", kind: "type[RecipeKind]") -> "RecipeKind":
    """Return ``recipe``, known to be of the kind that a command runs.

    Raises:
        ValueError: when it is of another; names the command that runs it.
    """
    from ponder_tasks.recipe import ImportRecipe, PretrainRecipe

    if isinstance(recipe, kind):
        return recipe
    if isinstance(recipe, ImportRecipe):
        raise ValueError(f"{recipe.name} is an imported encoder, not a run that can be repeated or resumed")
    right = "pretrain" if isinstance(recipe, PretrainRecipe) else "finetune"
    raise ValueError(f"{recipe.name} is a recipe for 'ponder {right}'; use that command")


def _preset(recipe: "RecipeKind", preset: str) -> "RecipeKind":
    from ponder_tasks.recipe import PretrainRecipe
    from ponder_tasks.recipes.presets import PRESETS

    if preset not in PRESETS:
        raise ValueError(f"there is no preset {preset!r}; there are: {', '.join(PRESETS)}")
    assert isinstance(recipe, PretrainRecipe), "only ponder pretrain has --preset"
    return PRESETS[preset](recipe)


def _reading(recipe: "RecipeKind", data: Path) -> "RecipeKind":
    from ponder_tasks.scene_config import scene_config_at

    return recipe.model_copy(
        update={
            "train_data": scene_config_at(recipe.train_data, data),
            "val_data": scene_config_at(recipe.val_data, data),
        }
    )


def _trainer_assignments(changes: Changes) -> list[str]:
    given = {
        "steps": changes.steps,
        "seed": changes.seed,
        "accelerator": changes.device.value if changes.device else None,
    }
    return [f"trainer.{key}={value}" for key, value in given.items() if value is not None]
