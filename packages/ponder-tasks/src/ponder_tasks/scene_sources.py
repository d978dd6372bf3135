"""From a recipe's scene configuration to the scenes."""

from ponder_data import CachedScenes, RgbdSequence, RgbdSequenceConfig, Scenes, SyntheticRooms

from ponder_tasks.recipe import SceneConfig

CACHED_SCENES = 128
"""A small room with six views takes about 10 MB."""


def open_scenes(config: SceneConfig) -> Scenes:
    """Return the scenes that ``config`` describes, kept in memory once they were read.

    Raises:
        ValueError: when the data is not there or holds nothing to learn from.
    """
    if isinstance(config, RgbdSequenceConfig) and config.path is None:
        raise ValueError("this recipe reads posed RGB-D frames from a folder; name it with --data FOLDER")
    scenes = RgbdSequence(config) if isinstance(config, RgbdSequenceConfig) else SyntheticRooms(config)
    return CachedScenes(scenes, limit=min(len(scenes), CACHED_SCENES))
