"""A benchmark of one task and a few steps from end to end, and what its runs do when they are found again."""

import json
import re
from pathlib import Path

import pytest
from ponder_tasks.bench.bench import run_bench
from ponder_tasks.bench.plan import plan_of_share
from ponder_tasks.bench.running import is_finished
from ponder_tasks.recipe import SegmentRecipe
from ponder_tasks.run_folder import RunFolder
from tiny_bench import silently, tiny_suite


def test_a_benchmark_from_plan_to_page_and_again(tmp_path: Path) -> None:
    plan, output, told = plan_of_share(tiny_suite(), 0.5, 1), tmp_path / "bench", []
    assert plan.seconds == 3 * (1.0 + 2 * 0.5 + 1.0)
    # A run that was killed before its first checkpoint begins again.
    killed = plan.runs[1].recipe
    assert isinstance(killed, SegmentRecipe)
    RunFolder.create(output / "tiny-scratch-0", killed, "test")
    end = run_bench(plan, output, command="ponder bench tiny", listening=silently, tell=told.append)
    assert told[:-1] == [
        "before-0: 2 steps, about 3.0 s",
        "tiny-scratch-0: 2 steps, about 3.0 s",
        "tiny-pretrained-0: 2 steps, about 3.0 s",
    ]
    tuned = RunFolder.open(output / "tiny-pretrained-0").recipe()
    assert isinstance(tuned, SegmentRecipe)
    assert tuned.encoder_source == str(output / "before-0")
    tree = json.loads(end.json.read_text())
    summary = json.loads((output / "tiny-scratch-0" / "summary.json").read_text())
    miou = next(m["value"] for m in summary["measurements"] if m["name"] == "miou")
    assert tree["results"][0]["scratch"]["scores"] == [miou]
    assert (tree["results"][0]["steps"], tree["seeds"], tree["notes"]) == (2, 1, ["A test"])
    assert tree["measured_seconds"] == pytest.approx(end.seconds, abs=0.1)
    assert end.seconds > 0
    page = end.page.read_text()
    captions = re.findall(r"<figcaption>([^<]*)</figcaption>", page)
    assert captions[:3] == ["Input colours", "True classes", "From scratch: predicted classes"]
    assert "Pre-trained: predicted classes" in captions
    assert "| One tiny room |" in end.table.read_text()

    told.clear()
    weights = [path.stat().st_mtime_ns for path in sorted(output.rglob("model.safetensors"))]
    again = run_bench(plan, output, command="ponder bench tiny", listening=silently, tell=told.append)
    assert len(told) == 4
    assert all(line.endswith("finished before") for line in told[:-1])
    assert again.results == end.results
    assert again.seconds == pytest.approx(end.seconds, abs=1.0)
    assert weights == [path.stat().st_mtime_ns for path in sorted(output.rglob("model.safetensors"))]

    other = plan_of_share(tiny_suite(), 1.0, 1)
    with pytest.raises(ValueError, match=r"before-0 was made with trainer.steps=2, and now it would be 4"):
        run_bench(other, output, command="ponder bench tiny", listening=silently, tell=told.append)


def test_a_run_that_is_not_there_is_not_finished(tmp_path: Path) -> None:
    recipe = tiny_suite().comparisons[0].recipe
    assert isinstance(recipe, SegmentRecipe)
    assert not is_finished(recipe, tmp_path / "run")
    RunFolder.create(tmp_path / "run", recipe, "test")
    assert not is_finished(recipe, tmp_path / "run")
