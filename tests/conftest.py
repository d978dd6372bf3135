"""What the tests across packages share: the program run as its user runs it."""

import os
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


@pytest.fixture(scope="session")
def ponder_in() -> Ponder:
    """Return a function that runs ``ponder WORD...`` in the folder that it is given first."""
    return run_ponder


@pytest.fixture
def ponder(tmp_path: Path) -> Ponder:
    """Return a function that runs ``ponder WORD...`` in a folder of its own."""
    return partial(run_ponder, tmp_path)
