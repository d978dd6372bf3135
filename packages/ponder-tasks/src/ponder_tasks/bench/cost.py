"""What runs cost, so that a plan fits a budget before anything has run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds of a run with one thread and a core of its own: making scenes, each step, measuring with the report."""

    start: float
    step: float
    end: float

    def seconds(self, steps: int) -> float:
        """Return the seconds that ``steps`` steps take."""
        return self.start + steps * self.step + self.end
