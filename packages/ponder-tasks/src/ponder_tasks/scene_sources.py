"""From a recipe's scene configuration to the scenes."""

from ponder_data import (
    CachedScenes,
    PreparedScenes,
    PreparedScenesConfig,
    RgbdSequence,
    RgbdSequenceConfig,
    Scenes,
    SyntheticRooms,
    SyntheticRoomsConfig,
    VirtualScans,
)

from ponder_tasks.recipe import SceneConfig

CACHED_SCENES = 128
"""A small room with six views takes about 10 MB."""


def open_scenes(config: SceneConfig) -> Scenes:
    """Return the scenes that ``config`` describes, kept in memory once they were read.

    Raises:
        ValueError: when the data is not there or holds nothing to learn from.
    """
    scenes = _opened(config)
    return CachedScenes(scenes, limit=min(len(scenes), CACHED_SCENES))


def _opened(config: SceneConfig) -> Scenes:
    if isinstance(config, SyntheticRoomsConfig):
        return SyntheticRooms(config)
    if isinstance(config, PreparedScenesConfig):
        return PreparedScenes(config)
    if isinstance(config, RgbdSequenceConfig):
        if config.path is None:
            raise ValueError("this recipe reads posed RGB-D frames from a folder; name it with --data FOLDER")
        return RgbdSequence(config)
    if config.path is None:
        raise ValueError("this recipe reads scans from a folder; name it with --data FOLDER")
    return VirtualScans(config)
