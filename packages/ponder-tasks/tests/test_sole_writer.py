"""One process at a time: a second run, benchmark or resumption in the same folder is refused, and nothing is lost."""

import subprocess
import sys
from pathlib import Path

import pytest
from ponder_tasks.bench.bench import run_bench
from ponder_tasks.bench.plan import plan_of_share
from ponder_tasks.bench.running import bring_to_end
from ponder_tasks.listener import SilentListener
from ponder_tasks.pretrain.task import run_pretraining
from ponder_tasks.run_folder import RunFolder
from ponder_tasks.sole_writer import sole_writer
from tiny_bench import silently, tiny_suite

HOLD = """
import sys
from pathlib import Path
from ponder_tasks.sole_writer import sole_writer

with sole_writer(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_is_free_again_after_the_death_of_its_process(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(ValueError, match=r"another process is at work in .*; wait until"),
            sole_writer(tmp_path),
        ):
            pass
        other.kill()
    with sole_writer(tmp_path):
        pass


def test_a_run_that_is_at_work_is_not_resumed(tmp_path: Path) -> None:
    (before,) = tiny_suite().pretrainings
    recipe, run = before.recipe, tmp_path / "run"
    run_pretraining(recipe, run, command="ponder", listener=SilentListener())
    metrics = (run / "metrics.jsonl").read_text(encoding="utf-8")
    with sole_writer(run), pytest.raises(ValueError, match="another process is at work"):
        run_pretraining(recipe, run, command="ponder", listener=SilentListener(), resume=True)
    assert (run / "metrics.jsonl").read_text(encoding="utf-8") == metrics


def test_a_second_benchmark_leaves_the_runs_of_the_first(tmp_path: Path) -> None:
    (run := tmp_path / "before-0").mkdir()
    (run / "recipe.yaml").write_text("being written", encoding="utf-8")
    plan = plan_of_share(tiny_suite(), 1.0, 1)
    with sole_writer(tmp_path), pytest.raises(ValueError, match="another process is at work"):
        run_bench(plan, tmp_path, command="ponder bench tiny", listening=silently, tell=print)
    assert (run / "recipe.yaml").read_text(encoding="utf-8") == "being written"


def test_a_run_that_a_killed_benchmark_left_at_work_is_not_deleted(tmp_path: Path) -> None:
    (before,) = tiny_suite().pretrainings
    folder = RunFolder.create(tmp_path / "before-0", before.recipe, "ponder bench tiny")
    with sole_writer(folder.path), pytest.raises(ValueError, match="another process is at work"):
        bring_to_end(before.recipe, folder.path, command="ponder bench tiny", listening=silently)
    assert folder.recipe_file.is_file()
