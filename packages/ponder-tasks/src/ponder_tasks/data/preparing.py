"""Preparing a folder for training: its scenes in a cache that every recipe can read."""

from dataclasses import dataclass
from pathlib import Path

from ponder_data.prepared.prepare import Estimate, PreparationListener, Prepared, prepare
from ponder_data.reading import ReadingOptions, open_folder

__all__ = ["Estimate", "PreparationListener", "PrepareOptions", "Prepared", "prepare_folder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareOptions:
    """What is kept of a folder, and how the work is done.

    Attributes:
        frame_stride: keep every n-th frame or keyframe.
        frames_per_scene: cut sequences of frames into scenes of at most so many.
        image_width: of the pictures, in pixels; None: as the reader gives them.
        virtual_views: for scans without pictures: so many from virtual cameras; 0: none.
        label_set: of scans whose labels are raw ids of a known set.
        workers: processes side by side.
        skip_broken: leave scenes that cannot be read out.
    """

    frame_stride: int = 1
    frames_per_scene: int = 24
    image_width: int | None = None
    virtual_views: int = 12
    label_set: str | None = None
    workers: int = 1
    skip_broken: bool = False


def prepare_folder(
    path: Path, cache: Path, options: PrepareOptions, listener: PreparationListener
) -> Prepared:
    """Read the scenes of a folder and write them to ``cache``; see :func:`ponder_data.prepared.prepare.prepare`.

    Raises:
        ValueError: when the folder cannot be read, or the cache cannot be written.
    """
    reading = ReadingOptions(
        frame_stride=options.frame_stride,
        frames_per_scene=options.frames_per_scene,
        image_width=options.image_width,
        virtual_views=options.virtual_views,
        label_set=options.label_set,
    )
    folder = open_folder(path, reading)
    return prepare(
        folder.scenes,
        cache,
        root=path,
        layout=folder.layout,
        settings=folder.settings,
        workers=options.workers,
        skip_broken=options.skip_broken,
        listener=listener,
    )
