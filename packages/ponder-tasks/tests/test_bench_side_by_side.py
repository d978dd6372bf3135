"""Runs side by side: the same figures as one by one, and what happens when they stop or fail."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from ponder_tasks.bench.bench import BenchEnd, run_bench
from ponder_tasks.bench.plan import Plan, plan_of_share
from ponder_tasks.bench.running import BenchStopped
from ponder_tasks.bench.side_by_side import SideBySide
from ponder_tasks.bench.suite import Suite
from ponder_tasks.failure import RemoteTraceback
from tiny_bench import silently, tiny_suite


def run(plan: Plan, output: Path, told: list[str]) -> BenchEnd:
    return run_bench(plan, output, command="ponder bench tiny", listening=silently, tell=told.append)


def suite_of_long_pretraining() -> Suite:
    suite = tiny_suite()
    (before,) = suite.pretrainings
    trainer = before.recipe.trainer.model_copy(update={"steps": 30})
    recipe = before.recipe.model_copy(update={"trainer": trainer})
    return replace(suite, pretrainings=(replace(before, recipe=recipe),))


def test_two_at_once_give_the_figures_of_one_by_one_also_after_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, told, output = plan_of_share(suite_of_long_pretraining(), 1.0, 1, at_once=2), [], tmp_path / "two"

    def stop_at_work(line: str) -> None:
        told.append(line)
        if re.search(r"before-0 at step [1-9]", line):
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr("ponder_tasks.bench.side_by_side.SECONDS_BETWEEN_LINES", 0.0)
        with pytest.raises(BenchStopped, match=r"before-0 is saved at step \d+"):
            run_bench(plan, output, command="ponder bench tiny", listening=silently, tell=stop_at_work)
    assert told[:2] == ["before-0: 30 steps, about 17.0 s", "tiny-scratch-0: 4 steps, about 4.0 s"]
    assert not any(line.startswith("tiny-pretrained-0") for line in told), "what it follows is not finished"
    assert not (output / "results.json").exists()
    stopped_after = json.loads((output / "bench.json").read_text())["seconds"]

    told.clear()
    two = run(plan, output, told)
    begun = told.index("tiny-pretrained-0: 4 steps, about 4.0 s")
    assert any(line.startswith("before-0: finished in ") for line in told[:begun])
    assert told[-2].endswith("; 3 of 3")
    assert told[-1] == "all runs are finished; drawing the page"
    assert two.seconds > stopped_after > 0

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    one = run(replace(plan, at_once=1), tmp_path / "one", told)
    torch.set_num_threads(threads)
    for ours, theirs in zip(two.results, one.results, strict=True):
        assert ours.scratch.scores == pytest.approx(theirs.scratch.scores, rel=1e-4)
        assert ours.pretrained.scores == pytest.approx(theirs.pretrained.scores, rel=1e-4)


def test_an_error_of_a_run_is_raised_here(tmp_path: Path) -> None:
    (tmp_path / "before-0").mkdir()
    (tmp_path / "before-0" / "something.txt").touch()
    alone = replace(tiny_suite(), comparisons=())
    with pytest.raises(ValueError, match=r"before-0 exists already") as caught:
        run(plan_of_share(alone, 0.5, 1, at_once=2), tmp_path, [])
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "bring_to_end" in str(caught.value.__cause__)


def test_a_process_that_dies_is_told_and_the_others_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, told = plan_of_share(suite_of_long_pretraining(), 1.0, 1, at_once=1), []
    monkeypatch.setattr("ponder_tasks.bench.side_by_side.SECONDS_BETWEEN_LINES", 0.0)

    def kill_at_work(line: str) -> None:
        told.append(line)
        if re.search(r"before-0 at step [1-9]", line):
            for process in multiprocessing.active_children():
                process.kill()

    side_by_side = SideBySide(plan, tmp_path, command="ponder bench tiny", prepare=tuple, tell=kill_at_work)
    with pytest.raises(
        ChildProcessError, match=r"before-0 ended with exit code -9; if memory ran out, take fewer"
    ):
        side_by_side.run()
    assert not multiprocessing.active_children()


ORPHAN = """
import multiprocessing, sys
from pathlib import Path
import ponder_tasks.bench.side_by_side as side_by_side
from ponder_tasks.bench.plan import plan_of_share
from test_bench_side_by_side import suite_of_long_pretraining

def tell(line):
    print(line, *(process.pid for process in multiprocessing.active_children()), flush=True)

if __name__ == "__main__":
    side_by_side.SECONDS_BETWEEN_LINES = 0.0
    plan = plan_of_share(suite_of_long_pretraining(), 1.0, 1, at_once=1)
    side_by_side.SideBySide(plan, Path(sys.argv[1]), command="tiny", prepare=tuple, tell=tell).run()
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for the process in /proc")
def test_the_death_of_its_parent_makes_a_run_save_and_end(tmp_path: Path) -> None:
    script, output = tmp_path / "orphan.py", tmp_path / "bench"
    script.write_text(ORPHAN, encoding="utf-8")
    output.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, str(script), str(output)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        at_work = next(line for line in parent.stdout if re.search(r"before-0 at step [1-9]", line))
        parent.kill()
    child = int(at_work.split()[-1])
    for _ in range(300):
        if not Path(f"/proc/{child}").exists():
            break
        time.sleep(0.1)
    assert not Path(f"/proc/{child}").exists()
    (checkpoint,) = (output / "before-0" / "checkpoints").iterdir()
    assert 1 <= int(checkpoint.name.removeprefix("step-")) < 30
