"""Changing a recipe by dotted keys (``--set trainer.steps=10``) or by a YAML file, and writing it down.

An unknown key or an ill-typed value is an error that names the key, the value and the nearest right key.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from ponder_tasks.recipe import Recipe

SCENE_KEYS = ("train_data", "val_data")

RecipeType = TypeVar("RecipeType", bound=BaseModel)


def apply_overrides(recipe: RecipeType, assignments: Iterable[str]) -> RecipeType:
    """Return ``recipe`` with each ``key=value`` applied; values are read as YAML.

    Raises:
        ValueError: for a missing ``=``, an unknown key, or a value of the wrong type.
    """
    tree = recipe.model_dump(mode="json")
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise ValueError(
                f"--set {assignment!r} has no '='; write it as key=value, e.g. trainer.steps=100"
            )
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            value = text
        _assign(tree, key.strip(), value)
    return _validated(type(recipe), tree)


def apply_mapping(recipe: RecipeType, mapping: Mapping[str, Any]) -> RecipeType:
    """Return ``recipe`` with the nested ``mapping`` of a YAML file laid over it.

    Scenes of another ``kind`` than the recipe's take the place of them altogether: they have other keys.
    """
    tree = recipe.model_dump(mode="json")
    changes = dict(mapping)
    for key in SCENE_KEYS:
        scenes = changes.get(key)
        if isinstance(scenes, Mapping) and scenes.get("kind", tree[key]["kind"]) != tree[key]["kind"]:
            tree[key] = changes.pop(key)
    for key, value in flatten(changes):
        _assign(tree, key, value)
    return _validated(type(recipe), tree)


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return the leaves of a nested mapping as ``(dotted key, value)``."""
    leaves: list[tuple[str, Any]] = []
    for key, value in mapping.items():
        if isinstance(value, Mapping) and value:
            leaves += flatten(value, f"{prefix}{key}.")
        else:
            leaves.append((f"{prefix}{key}", value))
    return leaves


def recipe_to_yaml(recipe: BaseModel) -> str:
    """Return the complete recipe as YAML that :func:`read_recipe` reads back to an equal recipe."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file whose top level is a mapping.

    Raises:
        ValueError: when the file is absent, no YAML, or no mapping.
    """
    if not path.is_file():
        raise ValueError(f"recipe file {path} is not there; give the path of a YAML file")
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"recipe file {path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict):
        raise ValueError(f"recipe file {path} holds a {type(tree).__name__}, not a mapping of keys to values")
    return tree


def read_recipe(path: Path) -> Recipe:
    """Read a complete recipe, such as the ``recipe.yaml`` of a run.

    Raises:
        ValueError: when the file is absent or holds no complete recipe.
    """
    tree = read_mapping(path)
    try:
        return TypeAdapter(Recipe).validate_python(tree)
    except ValidationError as error:
        raise ValueError(f"recipe file {path}: {_first_problem(error)}") from error


def _assign(tree: dict[str, Any], key: str, value: Any) -> None:
    *parents, last = key.split(".")
    branch: Any = tree
    for name in parents:
        branch = _child(branch, name)
    if not isinstance(branch, dict) or last not in branch:
        known = [name for name, _ in flatten(tree)]
        near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
        by_name = [name for name in known if name.rsplit(".", 1)[-1] == last]
        nearest = (by_name or near or ["(none)"])[0]
        raise ValueError(f"unknown recipe key {key!r} (value {value!r}); the nearest key is {nearest!r}")
    if isinstance(branch[last], dict) and isinstance(value, dict):
        for name, inner in value.items():
            _assign(tree, f"{key}.{name}", inner)
        return
    branch[last] = value


def _child(branch: Any, name: str) -> Any:
    """Return the part called ``name``: of a list, the one of that number, from 0; None where there is none."""
    if isinstance(branch, list):
        return branch[int(name)] if name.isdigit() and int(name) < len(branch) else None
    return branch.get(name) if isinstance(branch, dict) else None


def _validated(kind: type[RecipeType], tree: dict[str, Any]) -> RecipeType:
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise ValueError(f"recipe: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    key = ".".join(str(part) for part in problem["loc"])
    return f"key {key!r} cannot be {problem.get('input')!r}: {problem['msg']}"
