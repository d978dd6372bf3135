"""Progress as a bar, for terminals."""

from collections.abc import Iterable

from ponder_tasks.listener import StepReport, TrainingEnd, TrainingStart, Validation
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from ponder_cli.formatting import duration, losses_line, measured_line, rate, waiting
from ponder_cli.headline import headline
from ponder_cli.pace import Pace


class _BarAndFigures(Progress):
    """A progress bar with a line of figures below it."""

    figures = Text()

    def get_renderables(self) -> Iterable[RenderableType]:
        yield from super().get_renderables()
        yield self.figures


class BarListener:
    """Draws a bar with the time left, the losses, and points and rays per second; before it, a spinner."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pace = Pace(steps=0)
        self._bar = _BarAndFigures(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]} left"),
            console=console,
            transient=True,
            refresh_per_second=4,
        )
        self._task: TaskID | None = None
        self._preparing = console.status("loading PyTorch and the first scenes")
        self._preparing.start()

    def started(self, start: TrainingStart) -> None:
        """Print the headline and draw the empty bar."""
        self._preparing.stop()
        self._pace = Pace(steps=start.steps, first_step=start.first_step)
        for line in headline(start):
            self._console.print(Text(line), soft_wrap=True)
        self._task = self._bar.add_task(
            start.recipe, total=start.steps, completed=start.first_step, left=duration(float("inf"))
        )
        self._bar.start()

    def stepped(self, report: StepReport) -> None:
        """Move the bar."""
        self._pace.stepped(report)
        if self._task is None:
            return
        figures = [losses_line(report.total, report.losses), rate(self._pace.points_per_second, "points")]
        if self._pace.rays_per_second:
            figures.append(rate(self._pace.rays_per_second, "rays"))
        figures += filter(None, [waiting(self._pace.data_wait)])
        self._bar.figures = Text("  ".join(figures), style="dim")
        self._bar.update(self._task, completed=report.step, left=duration(self._pace.seconds_left))
        if report.step == self._pace.steps:
            self._bar.update(self._task, description="measuring and writing the report")

    def validated(self, validation: Validation) -> None:
        """Print what was measured above the bar."""
        self.said(f"step {validation.step}: {measured_line(validation.measurements)}")

    def said(self, message: str) -> None:
        """Print the message above the bar."""
        self._console.print(Text(message), soft_wrap=True)

    def ended(self, end: TrainingEnd) -> None:
        """Clear the bar: the closing table follows."""
        self.close()

    def close(self) -> None:
        """Clear the bar, also after an error."""
        self._preparing.stop()
        self._bar.stop()
