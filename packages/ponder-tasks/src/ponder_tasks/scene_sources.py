"""From a recipe's scene configuration to the scenes."""

from pathlib import Path

from ponder_data import (
    CachedScenes,
    FurnitureShapes,
    FurnitureShapesConfig,
    LidarsegFolder,
    LidarsegFolderConfig,
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
    VirtualScansConfig,
)

from ponder_tasks.recipe import DatasetConfig, MixtureConfig, SceneConfig

DrivingConfig = SyntheticStreetsConfig | NuScenesConfig | LidarsegFolderConfig

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
    scenes = read_dataset(config)
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


def read_dataset(config: DatasetConfig | FurnitureShapesConfig | MeshFolderConfig | DrivingConfig) -> Scenes:
    """Return the scenes of one dataset, read again each time they are asked for; errors as :func:`open_scenes`."""
    match config:
        case SyntheticRoomsConfig():
            return SyntheticRooms(config)
        case SyntheticStreetsConfig():
            return SyntheticStreets(config)
        case FurnitureShapesConfig() | MeshFolderConfig():
            return open_shapes(config)
        case RgbdSequenceConfig():
            _check_path(config.path, "posed RGB-D frames")
            return RgbdSequence(config)
        case VirtualScansConfig():
            _check_path(config.path, "scans")
            return VirtualScans(config)
        case NuScenesConfig():
            _check_path(config.path, "nuScenes (samples/, sweeps/ and the tables)")
            return NuScenes(config)
        case LidarsegFolderConfig():
            _check_path(config.path, "labelled LiDAR sweeps (NAME.pcd.bin beside NAME_lidarseg.bin)")
            return LidarsegFolder(config)


def _check_path(path: Path | None, what: str) -> None:
    if path is None:
        raise ValueError(f"this recipe reads {what} from a folder; name it with --data FOLDER")
