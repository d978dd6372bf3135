"""What the tests across packages share: the program run as its user runs it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests import tiny.py beside them

Ponder = Callable[..., subprocess.CompletedProcess[str]]


def run_ponder(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run ``ponder WORD...`` in ``folder``."""
    return subprocess.run(
        [sys.executable, "-m", "ponder_cli", *words],
        cwd=folder,
        env={**os.environ, "COLUMNS": "160", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def ponder(tmp_path: Path) -> Ponder:
    """Return a function that runs ``ponder WORD...`` in a folder of its own."""
    return partial(run_ponder, tmp_path)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of runs that holds ``rooms-1``, pre-trained for four steps; to be copied, not changed."""
    from tiny import TINY_PRETRAIN, set_options  # found once its folder is on the path

    folder = tmp_path_factory.mktemp("pretrained")
    done = run_ponder(folder, "pretrain", "rooms", "--steps", "4", *set_options(TINY_PRETRAIN))
    assert done.returncode == 0, done.stderr
    return folder / "runs"


@pytest.fixture
def pretrained(made_once: Path, tmp_path: Path) -> Path:
    """Return a pre-trained run of the test's own, ``runs/rooms-1``."""
    shutil.copytree(made_once, tmp_path / "runs")
    return tmp_path / "runs" / "rooms-1"
