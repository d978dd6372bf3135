"""From a recipe's scene configuration to the scenes."""

from ponder_data import (
    ArkitScenes,
    ArkitScenesConfig,
    CachedScenes,
    FurnitureShapes,
    FurnitureShapesConfig,
    LidarsegFolder,
    LidarsegFolderConfig,
    Matterport3d,
    Matterport3dConfig,
    MeshFolder,
    MeshFolderConfig,
    MixPart,
    Mixture,
    NuScenes,
    NuScenesConfig,
    PreparedScenes,
    PreparedScenesConfig,
    RgbdSequence,
    RgbdSequenceConfig,
    S3dis,
    S3disConfig,
    ScanNet,
    ScanNetConfig,
    ScanNetpp,
    ScanNetppConfig,
    Scenes,
    Shapes,
    Structured3d,
    Structured3dConfig,
    SyntheticRooms,
    SyntheticRoomsConfig,
    SyntheticStreets,
    SyntheticStreetsConfig,
    VirtuallyViewed,
    VirtualScans,
    VirtualScansConfig,
)

from ponder_tasks.scene_config import (
    DatasetConfig,
    GeneratedConfig,
    MixtureConfig,
    SceneConfig,
    ShapesConfig,
    VirtualViewsConfig,
)

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
    if isinstance(config, VirtualViewsConfig):
        held_out = config.split != "train"
        scenes: Scenes = VirtuallyViewed(read_dataset(config.data), config, held_out=held_out)
    else:
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


def read_dataset(config: DatasetConfig | ShapesConfig) -> Scenes:
    """Return the scenes of one dataset, read again each time they are asked for; errors as :func:`open_scenes`."""
    if not isinstance(config, GeneratedConfig) and config.path is None:
        raise ValueError(f"this recipe reads {_words(config)} from a folder; name it with --data FOLDER")
    match config:
        case FurnitureShapesConfig() | MeshFolderConfig():
            return open_shapes(config)
        case SyntheticRoomsConfig():
            return SyntheticRooms(config)
        case SyntheticStreetsConfig():
            return SyntheticStreets(config)
        case PreparedScenesConfig():
            return PreparedScenes(config)
        case RgbdSequenceConfig():
            return RgbdSequence(config)
        case VirtualScansConfig():
            return VirtualScans(config)
        case ScanNetConfig():
            return ScanNet(config)
        case ScanNetppConfig():
            return ScanNetpp(config)
        case S3disConfig():
            return S3dis(config)
        case Structured3dConfig():
            return Structured3d(config)
        case ArkitScenesConfig():
            return ArkitScenes(config)
        case Matterport3dConfig():
            return Matterport3d(config)
        case NuScenesConfig():
            return NuScenes(config)
        case LidarsegFolderConfig():
            return LidarsegFolder(config)


def _words(config: DatasetConfig | ShapesConfig) -> str:
    match config:
        case RgbdSequenceConfig():
            return "posed RGB-D frames"
        case VirtualScansConfig():
            return "scans"
        case MeshFolderConfig():
            return "watertight meshes"
        case PreparedScenesConfig():
            return "a prepared cache"
        case NuScenesConfig():
            return "nuScenes (samples/, sweeps/ and the tables)"
        case LidarsegFolderConfig():
            return "labelled LiDAR sweeps (NAME.pcd.bin beside NAME_lidarseg.bin)"
        case _:
            return f"the dataset {config.kind}"
