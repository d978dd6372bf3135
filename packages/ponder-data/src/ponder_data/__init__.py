"""Scenes, views, transforms and rays for 3D learning; see README.md.

Conventions: metres, right-handed world, Z up; OpenCV cameras; z-depth in metres, 0 where missing; colours
in [0, 1]; label -1 means "ignore".
"""

from ponder_data.batch import Batch, collate, point_features, scene_features, sweep_features
from ponder_data.checks.finding import Finding
from ponder_data.checks.folder import CheckReport, check_folder
from ponder_data.datasets.arkitscenes import ArkitScenes, ArkitScenesConfig
from ponder_data.datasets.colmap import ColmapConfig, ColmapModels
from ponder_data.datasets.color_registration import ColorCameraConfig, register_color
from ponder_data.datasets.furniture_shapes import FurnitureShapes, FurnitureShapesConfig
from ponder_data.datasets.joined import JoinedScenes
from ponder_data.datasets.lidarseg_folder import LidarsegFolder, LidarsegFolderConfig
from ponder_data.datasets.matterport3d import Matterport3d, Matterport3dConfig
from ponder_data.datasets.mesh_folder import MeshFolder, MeshFolderConfig
from ponder_data.datasets.multi_view import MultiViewConfig, MultiViewFolder
from ponder_data.datasets.nuscenes import NuScenes, NuScenesConfig
from ponder_data.datasets.prepared_scenes import PreparedScenes, PreparedScenesConfig
from ponder_data.datasets.rgbd_sequence import RgbdSequence, RgbdSequenceConfig
from ponder_data.datasets.s3dis import S3dis, S3disConfig
from ponder_data.datasets.scan_file import read_scan
from ponder_data.datasets.scan_folder import ScanFolder, ScanFolderConfig
from ponder_data.datasets.scannet import ScanNet, ScanNetConfig
from ponder_data.datasets.scannetpp import ScanNetpp, ScanNetppConfig
from ponder_data.datasets.structured3d import Structured3d, Structured3dConfig
from ponder_data.datasets.synthetic_rooms import (
    ROOM_CLASSES,
    ROOM_PALETTE,
    SyntheticRooms,
    SyntheticRoomsConfig,
)
from ponder_data.datasets.synthetic_streets import SyntheticStreets, SyntheticStreetsConfig
from ponder_data.datasets.virtual_views import VirtualScans, VirtualScansConfig
from ponder_data.datasets.virtually_viewed import VirtuallyViewed
from ponder_data.depth import (
    DepthNormals,
    Projection,
    back_project,
    camera_points,
    normals_from_depth,
    project,
    project_to_view,
    to_world,
)
from ponder_data.draws import draw_distinct, draw_event, draw_uniform
from ponder_data.export import write_points_ply
from ponder_data.fusion import Cloud, fuse_views
from ponder_data.grid import GridCell, GridSample, grid_fragments, grid_sample, sample_scene, scene_fragments
from ponder_data.layouts import LAYOUTS, Layout, detect_layout, open_dataset
from ponder_data.mixed_samples import mix_samples
from ponder_data.mixture import MixPart, Mixture, Visits, class_map, merged_classes, relabelled
from ponder_data.normals import estimate_normals
from ponder_data.nuscenes.classes import (
    NUSCENES_ATTRIBUTES,
    NUSCENES_CLASSES,
    NUSCENES_DETECTION_CLASSES,
    NUSCENES_PALETTE,
)
from ponder_data.packed_boxes import PackedBoxes, pack_boxes
from ponder_data.prepared.index import is_cache
from ponder_data.prepared.prepare import Estimate, PreparationListener, Prepared, prepare
from ponder_data.raw_layouts.nuscenes_tables import (
    NuScenesTablesConfig,
    WrittenTables,
    write_nuscenes_tables,
)
from ponder_data.raw_layouts.scannet_rooms import ScanNetRoomsConfig, WrittenRooms, write_scannet_rooms
from ponder_data.rays import (
    Rays,
    concatenate_rays,
    pixel_index_rays,
    sample_rays,
    view_rays,
    with_scene_index,
)
from ponder_data.reading import Folder, ReadingOptions, open_folder
from ponder_data.sample import Sample, SampleConfig, prepare_sample
from ponder_data.scene import IGNORE_LABEL, Boxes, Scene, View, ViewSource, check_scene, take_points
from ponder_data.scene_files import FiledScenes, SceneFiles, ViewFiles
from ponder_data.scene_splits import SplitScenes
from ponder_data.scenes import CachedScenes, Scenes
from ponder_data.shapes.mesh_solid import MeshSolid
from ponder_data.shapes.part_union import PartUnion
from ponder_data.shapes.shape import Shape
from ponder_data.shapes.shapes import Shapes
from ponder_data.shapes.solid import Solid, Surface, UnitFrame, unit_frame
from ponder_data.streets.recording import RecordingConfig
from ponder_data.transforms import (
    AugmentationConfig,
    AutoContrastConfig,
    ColorJitterConfig,
    ElasticConfig,
    JitterConfig,
    MaskingConfig,
    MixConfig,
    SphereCropConfig,
    augment,
    mask_points,
)
from ponder_data.virtual import Surfels, place_cameras, scene_surfels, splat, virtual_view
from ponder_data.virtual.cameras import VirtualCamerasConfig, with_virtual_views

__all__ = [
    "IGNORE_LABEL",
    "LAYOUTS",
    "NUSCENES_ATTRIBUTES",
    "NUSCENES_CLASSES",
    "NUSCENES_DETECTION_CLASSES",
    "NUSCENES_PALETTE",
    "ROOM_CLASSES",
    "ROOM_PALETTE",
    "ArkitScenes",
    "ArkitScenesConfig",
    "AugmentationConfig",
    "AutoContrastConfig",
    "Batch",
    "Boxes",
    "CachedScenes",
    "CheckReport",
    "Cloud",
    "ColmapConfig",
    "ColmapModels",
    "ColorCameraConfig",
    "ColorJitterConfig",
    "DepthNormals",
    "ElasticConfig",
    "Estimate",
    "FiledScenes",
    "Finding",
    "Folder",
    "FurnitureShapes",
    "FurnitureShapesConfig",
    "GridCell",
    "GridSample",
    "JitterConfig",
    "JoinedScenes",
    "Layout",
    "LidarsegFolder",
    "LidarsegFolderConfig",
    "MaskingConfig",
    "Matterport3d",
    "Matterport3dConfig",
    "MeshFolder",
    "MeshFolderConfig",
    "MeshSolid",
    "MixConfig",
    "MixPart",
    "Mixture",
    "MultiViewConfig",
    "MultiViewFolder",
    "NuScenes",
    "NuScenesConfig",
    "NuScenesTablesConfig",
    "PackedBoxes",
    "PartUnion",
    "PreparationListener",
    "Prepared",
    "PreparedScenes",
    "PreparedScenesConfig",
    "Projection",
    "Rays",
    "ReadingOptions",
    "RecordingConfig",
    "RgbdSequence",
    "RgbdSequenceConfig",
    "S3dis",
    "S3disConfig",
    "Sample",
    "SampleConfig",
    "ScanFolder",
    "ScanFolderConfig",
    "ScanNet",
    "ScanNetConfig",
    "ScanNetRoomsConfig",
    "ScanNetpp",
    "ScanNetppConfig",
    "Scene",
    "SceneFiles",
    "Scenes",
    "Shape",
    "Shapes",
    "Solid",
    "SphereCropConfig",
    "SplitScenes",
    "Structured3d",
    "Structured3dConfig",
    "Surface",
    "Surfels",
    "SyntheticRooms",
    "SyntheticRoomsConfig",
    "SyntheticStreets",
    "SyntheticStreetsConfig",
    "UnitFrame",
    "View",
    "ViewFiles",
    "ViewSource",
    "VirtualCamerasConfig",
    "VirtualScans",
    "VirtualScansConfig",
    "VirtuallyViewed",
    "Visits",
    "WrittenRooms",
    "WrittenTables",
    "augment",
    "back_project",
    "camera_points",
    "check_folder",
    "check_scene",
    "class_map",
    "collate",
    "concatenate_rays",
    "detect_layout",
    "draw_distinct",
    "draw_event",
    "draw_uniform",
    "estimate_normals",
    "fuse_views",
    "grid_fragments",
    "grid_sample",
    "is_cache",
    "mask_points",
    "merged_classes",
    "mix_samples",
    "normals_from_depth",
    "open_dataset",
    "open_folder",
    "pack_boxes",
    "pixel_index_rays",
    "place_cameras",
    "point_features",
    "prepare",
    "prepare_sample",
    "project",
    "project_to_view",
    "read_scan",
    "register_color",
    "relabelled",
    "sample_rays",
    "sample_scene",
    "scene_features",
    "scene_fragments",
    "scene_surfels",
    "splat",
    "sweep_features",
    "take_points",
    "to_world",
    "unit_frame",
    "view_rays",
    "virtual_view",
    "with_scene_index",
    "with_virtual_views",
    "write_nuscenes_tables",
    "write_points_ply",
    "write_scannet_rooms",
]
