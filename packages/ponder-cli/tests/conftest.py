"""Events of a run as the trainer would send them, and a way to call the program."""

from collections.abc import Callable
from pathlib import Path

import pytest
from ponder_cli.app import app
from ponder_tasks.listener import Measurement, StepReport, TrainingEnd, TrainingStart
from typer.testing import CliRunner, Result


@pytest.fixture
def ponder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run ``ponder`` with the given words, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def call(*words: str) -> Result:
        return CliRunner().invoke(app, list(words))

    return call


@pytest.fixture
def start() -> Callable[..., TrainingStart]:
    """Make the announcement of a run of 100 steps."""

    def make(first_step: int = 0) -> TrainingStart:
        return TrainingStart(
            run=Path("runs/rooms-1"),
            recipe="rooms",
            task="pretrain",
            first_step=first_step,
            steps=100,
            device="1 x cpu",
            backend="numba",
            parameters=1_234_567,
            train_scenes=48,
            val_scenes=4,
        )

    return make


@pytest.fixture
def step_report() -> Callable[..., StepReport]:
    """Make the report of a step."""

    def make(step: int, points: float = 12_345.0, rays: float = 512.0, data_wait: float = 0.01) -> StepReport:
        return StepReport(
            step=step,
            total=0.5321,
            losses=(("color", 0.1234), ("depth", 0.4)),
            learning_rate=1e-3,
            gradient_norm=1.0,
            points_per_second=points,
            rays_per_second=rays,
            data_wait=data_wait,
        )

    return make


@pytest.fixture
def end() -> TrainingEnd:
    """Make the end of a run."""
    return TrainingEnd(
        run=Path("runs/rooms-1"),
        step=100,
        seconds=75.2,
        measurements=(
            Measurement(name="psnr", value=21.349, unit="dB"),
            Measurement(name="depth_error", value=0.1234, unit="m", better="lower"),
        ),
        interrupted=False,
        report=Path("runs/rooms-1/report.html"),
    )
