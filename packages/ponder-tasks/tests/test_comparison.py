import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ponder_tasks.comparison import compare_runs


def make_run(
    path: Path,
    recipe: dict[str, Any],
    measurements: list[dict[str, Any]] | None,
    records: tuple[dict[str, Any], ...] = (),
) -> Path:
    path.mkdir(parents=True)
    (path / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    (path / "metrics.jsonl").write_text(
        "".join(json.dumps(record) + "\n" for record in records), encoding="utf-8"
    )
    if measurements is not None:
        summary = {
            "recipe": "rooms",
            "task": "pretrain",
            "steps": 100,
            "seconds": 12.5,
            "measurements": measurements,
        }
        (path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    return path


def recipe(steps: int = 100, **more: Any) -> dict[str, Any]:
    return {"name": "rooms", "task": "pretrain", "trainer": {"steps": steps, "seed": 0}, **more}


def psnr(value: float) -> dict[str, Any]:
    return {"name": "psnr", "value": value, "unit": "dB", "better": "higher"}


def depth_error(value: float) -> dict[str, Any]:
    return {"name": "depth_error", "value": value, "unit": "m", "better": "lower"}


def test_the_winner_is_the_better_one_by_each_measurement(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / "a", recipe(), [psnr(20.0), depth_error(0.2)]),
        make_run(tmp_path / "b", recipe(), [psnr(22.0), depth_error(0.3)]),
    ]
    comparison = compare_runs(runs)
    assert [run.name for run in comparison.runs] == ["a", "b"]
    assert [(run.steps, run.seconds, run.finished, run.task) for run in comparison.runs] == [
        (100, 12.5, True, "pretrain")
    ] * 2
    first, second = comparison.measurements
    assert (first.name, first.unit, first.values, first.winner) == ("psnr", "dB", (20.0, 22.0), 1)
    assert (second.name, second.better, second.winner) == ("depth_error", "lower", 0)
    assert comparison.differences == ()


def test_nobody_wins_a_tie_or_alone(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / "a", recipe(), [psnr(20.0), depth_error(0.2)]),
        make_run(tmp_path / "b", recipe(), [psnr(20.0)]),
    ]
    tied, alone = compare_runs(runs).measurements
    assert tied.winner is None
    assert (alone.values, alone.winner) == ((0.2, None), None)


def test_recipes_are_compared_key_by_key(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / "a", recipe(100, widths=[1, 2], note=None), []),
        make_run(tmp_path / "b", recipe(200, widths=[1, 2], note="null"), []),
        make_run(tmp_path / "c", recipe(200, widths=[1, 3]), []),
    ]
    differences = {difference.key: difference.values for difference in compare_runs(runs).differences}
    assert differences == {
        "trainer.steps": ("100", "200", "200"),
        "widths": ("[1, 2]", "[1, 2]", "[1, 3]"),
        "note": ("null", "'null'", None),
    }


def test_an_unfinished_run_shows_its_last_validation(tmp_path: Path) -> None:
    records = (
        {"kind": "train", "step": 7, "total": 1.0, "losses": {}, "learning_rate": 0.1},
        {"kind": "validation", "step": 5, "measurements": {"psnr": 18.0}},
        {"kind": "validation", "step": 7, "measurements": {"psnr": 19.0}},
    )
    runs = [
        make_run(tmp_path / "unfinished", recipe(), None, records),
        make_run(tmp_path / "finished", recipe(), [psnr(18.5)]),
        make_run(tmp_path / "begun", recipe(), None),
    ]
    comparison = compare_runs(runs)
    assert [(run.finished, run.steps, run.seconds) for run in comparison.runs] == [
        (False, 7, None),
        (True, 100, 12.5),
        (False, 0, None),
    ]
    (row,) = comparison.measurements
    assert (row.unit, row.better, row.values, row.winner) == ("dB", "higher", (19.0, 18.5, None), 0)


def test_runs_of_the_same_name_go_by_their_path(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / side / "rooms-1", recipe(), []) for side in ("left", "right")]
    assert [run.name for run in compare_runs(runs).runs] == [str(path) for path in runs]


def test_json_holds_everything(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / "a", recipe(1), [psnr(20.0)]), make_run(tmp_path / "b", recipe(2), [])]
    read_back = json.loads(compare_runs(runs).as_json())
    assert read_back["runs"][1]["name"] == "b"
    assert read_back["measurements"][0]["values"] == [20.0, None]
    assert read_back["differences"] == [{"key": "trainer.steps", "values": ["1", "2"]}]


def test_mistakes_are_told_in_one_line(tmp_path: Path) -> None:
    good = make_run(tmp_path / "good", recipe(), [])
    with pytest.raises(ValueError, match="at least two runs, got 1"):
        compare_runs([good])
    (tmp_path / "empty").mkdir()
    for bad in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=r"is no run: it has no recipe\.yaml"):
            compare_runs([good, bad])
    (good / "summary.json").write_text('{"steps": 1', encoding="utf-8")
    with pytest.raises(ValueError, match="is not the summary of a run"):
        compare_runs([good, good])
    (good / "recipe.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(ValueError, match="is not valid YAML") as raised:
        compare_runs([good, good])
    assert "\n" not in str(raised.value)
