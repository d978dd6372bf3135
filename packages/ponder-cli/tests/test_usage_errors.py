from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Ponder = Callable[..., Result]


def error_line(result: Result, code: int = 2) -> str:
    """Return the one error line after checking that there is nothing else."""
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_a_mistyped_command_names_the_nearest(ponder: Ponder) -> None:
    assert "no such command 'pretran'. Did you mean 'pretrain'" in error_line(ponder("pretran"))


def test_a_mistyped_option_names_the_nearest(ponder: Ponder) -> None:
    line = error_line(ponder("pretrain", "rooms", "--stpes", "3"))
    assert "--stpes" in line
    assert "--steps" in line
    assert "see 'ponder pretrain --help'" in line


def test_an_ill_typed_option_is_named(ponder: Ponder) -> None:
    assert "invalid value for '--steps'" in error_line(ponder("pretrain", "rooms", "--steps", "three"))


def test_a_missing_argument_is_named(ponder: Ponder) -> None:
    assert "missing argument 'RUN...'" in error_line(ponder("eval"))


def test_the_option_debug_counts_wherever_it_stands(ponder: Ponder) -> None:
    for words in (("--debug", "eval", "nowhere"), ("eval", "nowhere", "--debug")):
        result = ponder(*words)
        assert isinstance(result.exception, ValueError)
        assert not isinstance(result.exception, SystemExit)


def test_ctrl_c_is_one_line_too(ponder: Ponder, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ponder_tasks.doctor.examine", interrupted)
    assert "interrupted before" in error_line(ponder("doctor"), code=130)


def test_long_errors_are_not_wrapped(ponder: Ponder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert "neither" in error_line(ponder("eval", "a-name-much-longer-than-the-terminal-is-wide" * 4))
