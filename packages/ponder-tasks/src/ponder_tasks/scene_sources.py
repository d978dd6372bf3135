"""From a recipe's scene configuration to the scenes."""

from ponder_data import (
    CachedScenes,
    FurnitureShapes,
    FurnitureShapesConfig,
    MeshFolder,
    MeshFolderConfig,
    MixPart,
    Mixture,
    NuScenes,
    NuScenesConfig,
    RgbdSequence,
    RgbdSequenceConfig,
    Scenes,
    Shapes,
    SyntheticRooms,
    SyntheticRoomsConfig,
    SyntheticStreets,
    SyntheticStreetsConfig,
    VirtualScans,
)

from ponder_tasks.recipe import DatasetConfig, MixtureConfig, SceneConfig

CACHED_SCENES = 128
"""A small room with six views takes about 10 MB."""


def open_scenes(config: SceneConfig) -> Scenes:
    """Return the scenes that ``config`` describes, kept in memory once they were read.

    Raises:
        ValueError: when the data is not there or holds nothing to learn from.
    """
    if isinstance(config, MixtureConfig):
        parts = [
            MixPart(
                scenes=open_scenes(part.data), loop=part.loop, weight=part.weight, condition=part.condition
            )
            for part in config.parts
        ]
        return Mixture(parts, config.class_names)
    scenes = _opened(config)
    return CachedScenes(scenes, limit=min(len(scenes), CACHED_SCENES))


def open_shapes(config: SceneConfig) -> Shapes:
    """Return the solids that ``config`` describes, kept in memory once they were made.

    Raises:
        ValueError: when these are scenes without a known inside, or the folder is not there or holds no mesh.
    """
    if isinstance(config, FurnitureShapesConfig):
        return FurnitureShapes(config)
    if isinstance(config, MeshFolderConfig):
        if config.path is None:
            raise ValueError("this recipe reads watertight meshes from a folder; name it with --data FOLDER")
        return MeshFolder(config)
    raise ValueError(
        f"reconstruction learns from solids, whose inside is known, and {config.kind} are none; take data of kind "
        "furniture or meshes"
    )


def _opened(config: DatasetConfig | FurnitureShapesConfig | MeshFolderConfig) -> Scenes:
    if isinstance(config, SyntheticRoomsConfig):
        return SyntheticRooms(config)
    if isinstance(config, SyntheticStreetsConfig):
        return SyntheticStreets(config)
    if isinstance(config, NuScenesConfig):
        if config.path is None:
            raise ValueError("this recipe reads nuScenes from its folder; name it with --data FOLDER")
        return NuScenes(config)
    if isinstance(config, FurnitureShapesConfig | MeshFolderConfig):
        return open_shapes(config)
    if isinstance(config, RgbdSequenceConfig):
        if config.path is None:
            raise ValueError("this recipe reads posed RGB-D frames from a folder; name it with --data FOLDER")
        return RgbdSequence(config)
    if config.path is None:
        raise ValueError("this recipe reads scans from a folder; name it with --data FOLDER")
    return VirtualScans(config)
