"""A finding: what is wrong, and in which file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CheckName = Literal[
    "unreadable",
    "not_finite",
    "pose",
    "depth_scale",
    "reprojection",
    "labels_empty",
    "class_ids",
    "duplicate",
    "changed",
    "reader",
]
"""What was looked for; `CHECKS` says it in words."""

Severity = Literal["error", "warning"]

CHECKS: dict[CheckName, str] = {
    "unreadable": "files that are empty, cut off or damaged",
    "not_finite": "numbers that are NaN or infinite",
    "pose": "camera poses that are no rigid motion",
    "depth_scale": "depth or coordinates in another unit than metres",
    "reprojection": "frames that do not agree with the cloud and the other frames",
    "labels_empty": "labels that mark nothing",
    "class_ids": "class ids out of range",
    "duplicate": "one place in two splits",
    "changed": "prepared scenes whose content has changed",
    "reader": "what the reader had to leave out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        check: what was looked for.
        severity: an "error" spoils what is learned from the data, or stops the reader; a "warning" is worth knowing.
        file: where; a folder where no single file is to blame.
        message: what is wrong, with the values, and what to do.
        scene: name of the scene, empty where the file is not of one scene.
    """

    check: CheckName
    severity: Severity
    file: Path
    message: str
    scene: str = ""

    def shown_file(self, root: Path) -> str:
        """Return the file relative to ``root`` where it lies in it, as text."""
        return self.file.relative_to(root).as_posix() if self.file.is_relative_to(root) else str(self.file)
