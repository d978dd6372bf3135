import json
from collections.abc import Callable
from pathlib import Path

import pytest
from ponder_tasks.listener import Measurement
from ponder_tasks.overrides import apply_overrides
from ponder_tasks.recipes import get_recipe
from ponder_tasks.run_folder import RunFolder
from typer.testing import Result

Ponder = Callable[..., Result]


@pytest.fixture
def finished(ponder: Ponder) -> Callable[[str, float, int], None]:
    """Make a finished run with one measurement."""

    def make(name: str, miou: float, steps: int) -> None:
        recipe = apply_overrides(get_recipe("rooms-semseg"), [f"trainer.steps={steps}"])
        folder = RunFolder.create(Path("runs") / name, recipe, "ponder finetune rooms-semseg")
        measured = (Measurement(name="miou", value=miou, unit="%"),)
        folder.write_summary(recipe=recipe, steps=steps, seconds=61.0, measurements=measured)

    return make


def test_the_better_run_has_a_star(ponder: Ponder, finished: Callable[[str, float, int], None]) -> None:
    finished("scratch", 30.0, 100)
    finished("tuned", 35.5, 200)
    result = ponder("compare", "scratch", "runs/tuned")
    assert result.exit_code == 0, result.stderr
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line
    ]
    assert rows == [
        ["recipe", "rooms-semseg", "rooms-semseg"],
        ["steps", "100", "200"],
        ["time", "1:01", "1:01"],
        ["miou % ↑", "30", "35.5 *"],
        ["trainer.steps", "100", "200"],
    ]


def test_json_is_the_whole_comparison(ponder: Ponder, finished: Callable[[str, float, int], None]) -> None:
    finished("a", 30.0, 100)
    finished("b", 30.0, 100)
    tree = json.loads(ponder("compare", "a", "b", "--json").stdout)
    assert [run["name"] for run in tree["runs"]] == ["a", "b"]
    assert tree["measurements"][0]["values"] == [30.0, 30.0]
    assert tree["differences"] == []
    assert "the recipes are the same" in ponder("compare", "a", "b").stdout


@pytest.mark.parametrize(
    ("words", "message"), [(("a",), "at least two runs"), (("a", "zebra"), "no run 'zebra'.*runs holds a")]
)
def test_too_few_runs_are_an_error(
    ponder: Ponder, finished: Callable[[str, float, int], None], words: tuple[str, ...], message: str
) -> None:
    finished("a", 30.0, 100)
    result = ponder("compare", *words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert message.split(".*")[-1] in result.stderr
