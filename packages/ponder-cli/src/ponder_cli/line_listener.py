"""Progress as plain lines, for logs and pipes."""

from collections.abc import Callable
from time import monotonic

from ponder_tasks.listener import StepReport, TrainingEnd, TrainingStart, Validation

from ponder_cli.formatting import duration, losses_line, measured_line, rate, waiting
from ponder_cli.headline import headline
from ponder_cli.pace import Pace

SECONDS_BETWEEN_LINES = 10.0


class LineListener:
    """Writes a line every ten seconds, and one for the first step, the last, and each validation.

    Args:
        write: takes each line.
        clock: seconds, from any origin.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = monotonic) -> None:
        self._write = write
        self._clock = clock
        self._pace = Pace(steps=0, clock=clock)
        self._last_line = -float("inf")

    def started(self, start: TrainingStart) -> None:
        """Say what is trained, on what, and where it goes."""
        self._pace = Pace(steps=start.steps, first_step=start.first_step, clock=self._clock)
        for line in headline(start):
            self._write(line)

    def stepped(self, report: StepReport) -> None:
        """Write a line when it is time for one."""
        self._pace.stepped(report)
        now, last_step = self._clock(), report.step == self._pace.steps
        if now - self._last_line < SECONDS_BETWEEN_LINES and not last_step:
            return
        self._last_line = now
        parts = [
            f"step {report.step}/{self._pace.steps}",
            f"{duration(self._pace.seconds_left)} left",
            losses_line(report.total, report.losses),
            rate(self._pace.points_per_second, "points"),
        ]
        if self._pace.rays_per_second:
            parts.append(rate(self._pace.rays_per_second, "rays"))
        parts += filter(None, [waiting(self._pace.data_wait)])
        self._write(", ".join(parts))

    def validated(self, validation: Validation) -> None:
        """Write what was measured."""
        self._write(f"validation at step {validation.step}: {measured_line(validation.measurements)}")

    def said(self, message: str) -> None:
        """Pass the message on."""
        self._write(message)

    def ended(self, end: TrainingEnd) -> None:
        """Do nothing: the closing table follows."""
