"""What the tests across packages share: the program run as its user runs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests import tiny.py beside them

Ponder = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ponder(tmp_path: Path) -> Ponder:
    """Return a function that runs ``ponder WORD...`` in a folder of its own."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ponder_cli", *words],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "160", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
