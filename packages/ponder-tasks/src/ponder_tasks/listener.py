"""What a training run tells whoever watches it: the command line's progress bar, a test, a notebook.

The trainer calls a listener; a listener never changes the run.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One named figure with its unit, e.g. ``Measurement(name="psnr", value=21.3, unit="dB")``.

    ``better`` says which direction is good, so that tables can mark the winner.
    """

    name: str
    value: float
    unit: str = ""
    better: str = "higher"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingStart:
    """Announced once before the first step."""

    run: Path
    recipe: str
    task: str
    first_step: int
    steps: int
    device: str
    backend: str
    parameters: int
    train_scenes: int
    val_scenes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """Announced after every optimiser step.

    ``losses`` are unweighted; ``total`` is the weighted sum. ``data_wait`` is the share of the step's time in which
    it waited for its batch, in [0, 1].
    """

    step: int
    total: float
    losses: tuple[tuple[str, float], ...]
    learning_rate: float
    gradient_norm: float
    points_per_second: float
    rays_per_second: float
    data_wait: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Announced after each validation."""

    step: int
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingEnd:
    """Announced once at the end; ``interrupted`` when a signal stopped the run after saving.

    Of several processes that train together, only the first (``rank`` 0) has measurements and a report.
    """

    run: Path
    step: int
    seconds: float
    measurements: tuple[Measurement, ...]
    interrupted: bool
    report: Path | None
    rank: int = 0


@runtime_checkable
class TrainingListener(Protocol):
    """Watches a run."""

    def started(self, start: TrainingStart) -> None:
        """The first step is about to be taken."""
        ...

    def stepped(self, report: StepReport) -> None:
        """A step was taken."""
        ...

    def validated(self, validation: Validation) -> None:
        """A validation was finished."""
        ...

    def said(self, message: str) -> None:
        """Something a person should read happened."""
        ...

    def ended(self, end: TrainingEnd) -> None:
        """The run is over."""
        ...


class SilentListener:
    """Listens and does nothing."""

    def started(self, start: TrainingStart) -> None:
        """Do nothing."""

    def stepped(self, report: StepReport) -> None:
        """Do nothing."""

    def validated(self, validation: Validation) -> None:
        """Do nothing."""

    def said(self, message: str) -> None:
        """Do nothing."""

    def ended(self, end: TrainingEnd) -> None:
        """Do nothing."""
