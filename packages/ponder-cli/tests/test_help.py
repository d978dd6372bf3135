import subprocess
import sys
from collections.abc import Callable
from importlib import metadata

import pytest
from typer.testing import Result

Ponder = Callable[..., Result]


def test_no_arguments_show_help_with_an_example(ponder: Ponder) -> None:
    result = ponder()
    assert result.exit_code == 0
    assert "ponder finetune rooms-semseg --encoder runs/rooms-1" in result.stdout
    assert len(result.stdout.splitlines()) < 40, "it fits one screen"


@pytest.mark.parametrize(
    "command",
    [
        "pretrain",
        "finetune",
        "eval",
        "encode",
        "predict",
        "reconstruct",
        "import",
        "recipes",
        "compare",
        "bench",
        "data",
        "doctor",
    ],
)
def test_every_command_explains_itself(ponder: Ponder, command: str) -> None:
    result = ponder(command, "--help")
    assert result.exit_code == 0
    assert f"Usage: ponder {command}" in result.stdout


def test_the_version_is_that_of_the_package(ponder: Ponder) -> None:
    assert ponder("--version").stdout == f"ponder {metadata.version('ponder-cli')}\n"


def test_help_does_not_wait_for_torch() -> None:
    program = """
import sys
sys.argv = ["ponder", "pretrain", "--help"]
from ponder_cli.app import main
try:
    main()
finally:
    slow = {"torch", "numpy", "pydantic_core", "ponder_tasks"} & set(sys.modules)
    print("slow:", sorted(slow), file=sys.stderr)
"""
    process = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    slow = process.stderr.strip().removeprefix("slow: ")
    assert slow in ("[]", "['pydantic_core']"), "only Typer's own pydantic may be there"
