"""What happened during a run, read back from its ``metrics.jsonl``: one JSON object a line."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRecord:
    """One optimiser step: the weighted total, the unweighted losses by name, and the learning rate."""

    step: int
    total: float
    losses: tuple[tuple[str, float], ...]
    learning_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRecord:
    """One validation: measurements by name."""

    step: int
    measurements: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All records, each kind in the order of its steps.

    Attributes:
        train, validation: one record per step; where a resumed run took a step again, the later record.
        unreadable_lines: lines that are not JSON, as a killed run leaves behind.
    """

    train: tuple[TrainRecord, ...] = ()
    validation: tuple[ValidationRecord, ...] = ()
    unreadable_lines: int = 0

    def loss_names(self) -> tuple[str, ...]:
        """Return the names of all losses, in the order of their first appearance."""
        return tuple(dict.fromkeys(name for record in self.train for name, _ in record.losses))

    def measurement_names(self) -> tuple[str, ...]:
        """Return the names of all validation measurements, in the order of their first appearance."""
        return tuple(dict.fromkeys(name for record in self.validation for name, _ in record.measurements))


def read_history(path: Path) -> History:
    """Read ``metrics.jsonl``.

    A line cut off by a kill is counted and left out; kinds of records that are not known are left out. A file
    that is not there, or is empty, is a history without records: a run that has not taken a step.

    Raises:
        ValueError: when the file has lines but none is a record, or a record lacks a field.
    """
    if not path.is_file():
        return History()
    lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    records = [record for line in lines if (record := _parsed(line)) is not None]
    if lines and not records:
        raise ValueError(
            f"{path} has {len(lines)} lines but none is a JSON record; is it a run's metrics.jsonl?"
        )
    train = [_train_record(record, path) for record in records if record.get("kind") == "train"]
    validation = [
        _validation_record(record, path) for record in records if record.get("kind") == "validation"
    ]
    return History(
        train=tuple(
            sorted({record.step: record for record in train}.values(), key=lambda record: record.step)
        ),
        validation=tuple(
            sorted({record.step: record for record in validation}.values(), key=lambda record: record.step)
        ),
        unreadable_lines=len(lines) - len(records),
    )


def _parsed(line: str) -> dict[str, Any] | None:
    """Return the record of a line, or None where it is cut off."""
    try:
        record = json.loads(line)
    except json.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


def _train_record(record: dict[str, Any], path: Path) -> TrainRecord:
    """Return a typed train record."""
    _check_fields(record, ("step", "total", "losses", "learning_rate"), path)
    return TrainRecord(
        step=int(record["step"]),
        total=float(record["total"]),
        losses=tuple((name, float(value)) for name, value in record["losses"].items()),
        learning_rate=float(record["learning_rate"]),
    )


def _validation_record(record: dict[str, Any], path: Path) -> ValidationRecord:
    """Return a typed validation record."""
    _check_fields(record, ("step", "measurements"), path)
    return ValidationRecord(
        step=int(record["step"]),
        measurements=tuple((name, float(value)) for name, value in record["measurements"].items()),
    )


def _check_fields(record: dict[str, Any], fields: tuple[str, ...], path: Path) -> None:
    """Raise where a record lacks a field."""
    missing = [field for field in fields if field not in record]
    if missing:
        raise ValueError(f"{path}: a {record['kind']} record lacks {', '.join(missing)}: {record}")
