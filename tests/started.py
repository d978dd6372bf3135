"""Runs that a test starts as their user does, stops at a step, and reads the losses of."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def totals(run: Path) -> dict[int, float]:
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {r["step"]: r["total"] for r in records if r["kind"] == "train"}


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start ``ponder WORD...`` in a session of its own, so that its processes can be found and signalled with it."""
    return subprocess.Popen(
        [sys.executable, "-m", "ponder_cli", *words],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def stop_after_step(process: subprocess.Popen[str], run: Path, step: int, number: int) -> tuple[str, str]:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and process.poll() is None:
        if (run / "checkpoints" / f"step-{step:06d}").is_dir():
            if number == signal.SIGKILL:
                process.kill()
            else:
                os.killpg(process.pid, number)  # as a terminal's Ctrl-C or a scheduler does
            break
        time.sleep(0.01)
    return process.communicate(timeout=240)
