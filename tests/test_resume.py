"""Runs that are stopped go on as if they never had been."""

import json
import signal
import subprocess
import time
from pathlib import Path

from started import start, stop_after_step, totals
from tiny import TINY_PRETRAIN, set_options

STEPS = 12


def start_pretraining(folder: Path, name: str, workers: int = 0) -> subprocess.Popen[str]:
    words = ["pretrain", "rooms", "--name", name, "--steps", str(STEPS), *set_options(TINY_PRETRAIN)]
    words += ["--set", "trainer.checkpoint_every=2", "--set", f"trainer.workers={workers}"]
    return start(folder, *words)


def session(number: int) -> list[int]:
    """Return the processes of a session that are alive."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, own = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has just ended
            continue
        if int(own) == number and state != "Z":
            found.append(int(stat.parent.name))
    return found


def test_a_killed_run_ends_with_the_very_same_loss(ponder, tmp_path):
    whole = start_pretraining(tmp_path, "whole")
    whole.communicate(timeout=240)
    assert whole.returncode == 0
    killed = start_pretraining(tmp_path, "killed", workers=2)
    stop_after_step(killed, tmp_path / "runs" / "killed", 4, signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 30
    while session(killed.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not session(killed.pid), "workers leave when the run is gone"
    resumed = ponder("pretrain", "--resume", "runs/killed")
    assert resumed.returncode == 0, resumed.stderr
    expected, found = totals(tmp_path / "runs" / "whole"), totals(tmp_path / "runs" / "killed")
    assert list(found) == list(range(1, STEPS + 1))
    assert found == expected
    summaries = [
        json.loads((tmp_path / "runs" / name / "summary.json").read_text()) for name in ("whole", "killed")
    ]
    assert summaries[0]["measurements"] == summaries[1]["measurements"]


def test_a_terminated_run_saves_and_says_how_to_go_on(ponder, tmp_path):
    process = start_pretraining(tmp_path, "stopped", workers=2)
    _, stderr = stop_after_step(process, tmp_path / "runs" / "stopped", 2, signal.SIGTERM)
    assert process.returncode == 130, stderr
    assert "--resume" in stderr
    steps = max(totals(tmp_path / "runs" / "stopped"))
    assert (tmp_path / "runs" / "stopped" / "checkpoints" / f"step-{steps:06d}").is_dir()
    resumed = ponder("pretrain", "--resume", "runs/stopped")
    assert resumed.returncode == 0, resumed.stderr
    assert max(totals(tmp_path / "runs" / "stopped")) == STEPS
