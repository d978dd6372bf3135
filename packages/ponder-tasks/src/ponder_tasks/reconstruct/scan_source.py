"""What a surface is made of: a scan file, or a folder of posed RGB-D frames fused to one cloud."""

from pathlib import Path

from ponder_data import RgbdSequence, RgbdSequenceConfig, Scene, read_scan

from ponder_tasks.recipe import Recipe

FRAME_WIDTH = 160
"""Pixels; a recipe that reads RGB-D frames brings its own size."""


def read_source(path: Path, recipe: Recipe) -> Scene:
    """Return the whole scene in ``path``.

    A file is read as a scan. A folder is read as posed RGB-D frames, all of them, as ``recipe`` reads its own where
    it does; its world is turned until Z points up.

    Raises:
        ValueError: when nothing is there, or it cannot be read.
    """
    if not path.is_dir():
        return read_scan(path)
    own = getattr(recipe, "train_data", None)
    config = own if isinstance(own, RgbdSequenceConfig) else RgbdSequenceConfig(image_width=FRAME_WIDTH)
    whole = {"path": path, "frames_per_scene": None, "held_out_every": 0}
    return RgbdSequence(config.model_copy(update=whole))[0]
