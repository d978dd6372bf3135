from collections.abc import Callable

import yaml
from ponder_tasks.recipes import list_recipes
from typer.testing import Result

Ponder = Callable[..., Result]


def test_every_recipe_is_listed(ponder: Ponder) -> None:
    result = ponder("recipes")
    assert result.exit_code == 0
    first_words = [line.split()[0] for line in result.stdout.splitlines()]
    assert [info.name for info in list_recipes()] == [word for word in first_words if word in _names()]


def test_a_shown_recipe_is_yaml_of_every_key(ponder: Ponder) -> None:
    for name in _names():
        shown = yaml.safe_load(ponder("recipes", "show", name).stdout)
        assert shown["name"] == name
        assert shown["trainer"]["steps"] > 0


def test_an_unknown_recipe_names_the_nearest(ponder: Ponder) -> None:
    result = ponder("recipes", "show", "romos")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "'romos'" in result.stderr
    assert "nearest is 'rooms'" in result.stderr


def _names() -> list[str]:
    return [info.name for info in list_recipes()]
