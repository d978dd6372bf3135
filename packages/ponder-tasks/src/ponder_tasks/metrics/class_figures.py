"""What was measured of each class, whatever the task: the table that the command line and the report show."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigure:
    """One figure of every class: a fraction in [0, 1], NaN where the class has none.

    ``name`` is the key in JSON, ``label`` the heading of its column.
    """

    name: str
    label: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassFigures:
    """The classes, how many of ``counted`` (points, instances, ...) the truth has of each, and their figures.

    Raises:
        ValueError: when there is no figure, or they differ in length.
    """

    class_names: tuple[str, ...]
    counted: str
    counts: tuple[int, ...]
    figures: tuple[ClassFigure, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.class_names), len(self.counts), *(len(figure.values) for figure in self.figures)}
        if not self.figures or len(lengths) > 1:
            raise ValueError(
                f"class figures need at least one figure, all of one length; got {len(self.figures)} "
                f"of {len(self.class_names)} classes with lengths {sorted(lengths)}"
            )

    def rows(self) -> tuple[tuple[str, int, tuple[float, ...]], ...]:
        """Return name, count and figures of each class."""
        values = zip(*(figure.values for figure in self.figures), strict=True)
        return tuple(zip(self.class_names, self.counts, values, strict=True))

    def as_json(self) -> list[dict[str, Any]]:
        """Return what ``json.dumps`` takes: fractions, and null where a class has no figure."""
        names = [figure.name for figure in self.figures]
        return [
            {
                "name": class_name,
                self.counted: count,
                **{
                    name: None if math.isnan(value) else value
                    for name, value in zip(names, values, strict=True)
                },
            }
            for class_name, count, values in self.rows()
        ]
