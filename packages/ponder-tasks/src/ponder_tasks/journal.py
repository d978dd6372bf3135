"""What a run writes while it goes: ``metrics.jsonl`` and TensorBoard events, one record a step."""

from types import TracebackType

from torch.utils.tensorboard import SummaryWriter

from ponder_tasks.listener import StepReport, TrainingListener, Validation
from ponder_tasks.run_folder import RunFolder


class Journal:
    """Writes every report into the run folder and passes it on to the listener.

    Only the first process of a run has a folder; the others write nothing.
    """

    def __init__(self, folder: RunFolder | None, listener: TrainingListener) -> None:
        self.folder = folder
        self.listener = listener
        self._events = SummaryWriter(folder.tensorboard) if folder else None

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._events:
            self._events.close()

    def step(self, report: StepReport) -> None:
        """Write a training step."""
        if self.folder is None or self._events is None:
            return
        self.folder.append(
            {
                "kind": "train",
                "step": report.step,
                "total": report.total,
                "losses": dict(report.losses),
                "learning_rate": report.learning_rate,
                "gradient_norm": report.gradient_norm,
                "points_per_second": round(report.points_per_second, 1),
                "rays_per_second": round(report.rays_per_second, 1),
                "data_wait": round(report.data_wait, 4),
            }
        )
        self._events.add_scalar("train/total", report.total, report.step)
        self._events.add_scalar("train/learning_rate", report.learning_rate, report.step)
        self._events.add_scalar("train/data_wait", report.data_wait, report.step)
        for name, value in report.losses:
            self._events.add_scalar(f"train/{name}", value, report.step)
        self.listener.stepped(report)

    def validation(self, validation: Validation) -> None:
        """Write a validation."""
        if self.folder is None or self._events is None:
            return
        measurements = {m.name: m.value for m in validation.measurements}
        self.folder.append({"kind": "validation", "step": validation.step, "measurements": measurements})
        for name, value in measurements.items():
            self._events.add_scalar(f"validation/{name}", value, validation.step)
        self.listener.validated(validation)
