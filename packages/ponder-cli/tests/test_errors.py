import pytest
from ponder_cli.errors import BAD_INPUT, INTERRUPTED, UNEXPECTED, Interrupted, explain


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


@pytest.mark.parametrize(
    ("error", "line", "code"),
    [
        (ValueError("rays:\n   none  left"), "rays: none left", BAD_INPUT),
        (
            FileNotFoundError(2, "No such file or directory", "scan.ply"),
            "scan.ply: no such file or directory",
            BAD_INPUT,
        ),
        (OSError("disk is full"), "disk is full", BAD_INPUT),
        (
            ImportError("numba is missing: install ponder-encoders[cpu]"),
            "numba is missing: install ponder-encoders[cpu]",
            2,
        ),
        (Interrupted(), "interrupted before there was anything to save", INTERRUPTED),
        (
            RuntimeError("odd"),
            "unexpected RuntimeError: odd (run it again with --debug to see where)",
            UNEXPECTED,
        ),
    ],
)
def test_every_error_is_one_line_with_its_exit_code(error: Exception, line: str, code: int) -> None:
    explanation = explain(error)
    assert (explanation.line, explanation.exit_code) == (line, code)


@pytest.mark.parametrize("error", [MemoryError(), OutOfMemoryError("CUDA out of memory. Tried to allocate")])
def test_too_little_memory_comes_with_advice(error: Exception) -> None:
    explanation = explain(error)
    assert explanation.exit_code == BAD_INPUT
    assert "--set trainer.batch_size=1" in explanation.line
