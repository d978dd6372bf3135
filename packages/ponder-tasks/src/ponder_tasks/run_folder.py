"""The folder of a run: what was asked, what happened, and what was learned.

``recipe.yaml`` repeats the run, ``run.json`` holds the command and versions, ``metrics.jsonl`` one record a line,
``tensorboard/`` the same as TensorBoard events, ``checkpoints/`` the weights, ``summary.json`` the closing
measurements and ``report.html`` the pictures. ``.lock`` is held while a process is at work there.
"""

import datetime
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ponder_tasks.listener import Measurement
from ponder_tasks.overrides import read_recipe, recipe_to_yaml
from ponder_tasks.recipe import Recipe

VERSIONED_PACKAGES = (
    "ponder-data",
    "ponder-encoders",
    "ponder-render",
    "ponder-tasks",
    "torch",
    "nerfacc",
    "numpy",
    "lightning-fabric",
)


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader sees the old file or the new one, never half of it."""
    aside = path.with_name(f".{path.name}.partial")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)


def installed_versions() -> tuple[tuple[str, str], ...]:
    """Return the versions of Python and of the packages a result depends on."""
    versions = [("python", platform.python_version())]
    versions += [(name, metadata.version(name)) for name in VERSIONED_PACKAGES]
    return tuple(versions)


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Paths of a run, and the few ways it is written."""

    path: Path

    @classmethod
    def create(cls, path: Path, recipe: Recipe, command: str) -> "RunFolder":
        """Make a new run folder.

        Raises:
            ValueError: when ``path`` exists and holds something.
        """
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ValueError(
                f"{path} exists already; choose another --name, or continue it with --resume {path}"
            )
        path.mkdir(parents=True, exist_ok=True)
        folder = cls(path)
        folder.checkpoints.mkdir()
        about = {
            "command": command,
            "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "versions": dict(installed_versions()),
            "platform": platform.platform(),
        }
        write_atomically(path / "run.json", json.dumps(about, indent=2) + "\n")
        write_atomically(folder.recipe_file, recipe_to_yaml(recipe))
        return folder

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Open an existing run folder.

        Raises:
            ValueError: when ``path`` is no run folder.
        """
        if not path.is_dir():
            raise ValueError(f"{path} is not a folder; give the folder of a run, such as runs/rooms-1")
        if not (path / "recipe.yaml").is_file():
            raise ValueError(
                f"{path} is no run: it has no recipe.yaml; give the folder of a run, such as runs/rooms-1"
            )
        return cls(path)

    @property
    def recipe_file(self) -> Path:
        """The complete recipe."""
        return self.path / "recipe.yaml"

    @property
    def metrics_file(self) -> Path:
        """One JSON record a line."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        """Folder of the TensorBoard events."""
        return self.path / "tensorboard"

    @property
    def report_file(self) -> Path:
        """The self-contained page."""
        return self.path / "report.html"

    @property
    def summary_file(self) -> Path:
        """The closing measurements."""
        return self.path / "summary.json"

    def recipe(self) -> Recipe:
        """Read the recipe back."""
        return read_recipe(self.recipe_file)

    def command(self) -> str:
        """Return the command that made the run."""
        about = self.path / "run.json"
        return (
            json.loads(about.read_text(encoding="utf-8"))["command"]
            if about.is_file()
            else " ".join(sys.argv)
        )

    def append(self, record: Mapping[str, Any]) -> None:
        """Append one record to ``metrics.jsonl``."""
        with self.metrics_file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def forget_after(self, step: int) -> None:
        """Drop the records of steps that a resumed run will take again."""
        if not self.metrics_file.is_file():
            return
        kept = []
        for line in self.metrics_file.read_text(encoding="utf-8").splitlines():
            try:
                record = json.loads(line)
            except json.JSONDecodeError:
                continue  # the line that was being written when the run was killed
            if record["step"] <= step:
                kept.append(line)
        write_atomically(self.metrics_file, "".join(line + "\n" for line in kept))

    def write_summary(
        self, *, recipe: Recipe, steps: int, seconds: float, measurements: Sequence[Measurement]
    ) -> None:
        """Write the closing measurements."""
        summary = {
            "recipe": recipe.name,
            "task": recipe.task,
            "steps": steps,
            "seconds": round(seconds, 2),
            "measurements": [
                {"name": m.name, "value": m.value, "unit": m.unit, "better": m.better} for m in measurements
            ],
        }
        write_atomically(self.summary_file, json.dumps(summary, indent=2) + "\n")
