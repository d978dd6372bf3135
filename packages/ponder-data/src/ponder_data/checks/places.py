"""The file to blame for what is wrong with a part of a scene."""

from pathlib import Path

from ponder_data.scene_files import SceneFiles

UNKNOWN = Path()
"""Where a dataset does not tell its files; the whole check replaces it by the folder."""


def cloud_file(files: SceneFiles) -> Path:
    """Return the file of the points, or the first of the views that the points are made of."""
    return next(iter(files.every()), UNKNOWN)


def label_file(files: SceneFiles) -> Path:
    """Return the file of the points' labels."""
    return files.labels or cloud_file(files)


def picture_file(files: SceneFiles, view: str, kind: str) -> Path:
    """Return a view's file of ``kind`` (color, depth or pose), or what stands for it."""
    named = files.view(view)
    return getattr(named, kind) or named.color or cloud_file(files)
