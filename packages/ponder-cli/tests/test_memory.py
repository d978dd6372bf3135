import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, os, sys
import ponder_cli.app
from ponder_cli.memory import prepare_memory
taken = prepare_memory()
heavy = sorted({"torch", "numpy", "ponder_data"} & set(sys.modules))
print(json.dumps([taken, os.environ["THP_MEM_ALLOC_ENABLE"], heavy]))
"""


def prepared(**environment: str) -> tuple[bool, str, list[str]]:
    base = {name: value for name, value in os.environ.items() if name != "THP_MEM_ALLOC_ENABLE"}
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=base | environment, capture_output=True, text=True, check=True
    )
    return tuple(json.loads(process.stdout))


def test_huge_pages_are_asked_for_before_torch_is_there() -> None:
    taken, huge_pages, heavy = prepared()
    assert huge_pages == "1"
    assert heavy == [], (
        "the program starts without the heavy modules, so the setting comes first and help is fast"
    )
    assert isinstance(taken, bool)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_what_the_user_has_set_stays() -> None:
    taken, huge_pages, _ = prepared(THP_MEM_ALLOC_ENABLE="0", MALLOC_TRIM_THRESHOLD_="100000")
    assert huge_pages == "0"
    assert not taken
