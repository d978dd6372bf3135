"""Layouts: how the files of a folder are arranged, told by looking, and the scenes read from there.

``open_dataset(folder)`` is all that most programs need. `LAYOUTS` is the list of what is known; to teach it
another layout, add a line there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ponder_data.datasets.arkitscenes import all_of_arkitscenes, is_arkitscenes
from ponder_data.datasets.colmap import ColmapConfig, ColmapModels, is_colmap
from ponder_data.datasets.joined import JoinedScenes
from ponder_data.datasets.lidarseg_folder import LidarsegFolder, LidarsegFolderConfig
from ponder_data.datasets.matterport3d import all_of_matterport3d, is_matterport3d
from ponder_data.datasets.multi_view import MultiViewConfig, MultiViewFolder, is_multi_view
from ponder_data.datasets.nuscenes import NuScenes, NuScenesConfig
from ponder_data.datasets.prepared_scenes import PreparedScenes, PreparedScenesConfig
from ponder_data.datasets.rgbd_scannet import is_scannet_export
from ponder_data.datasets.rgbd_sequence import RgbdSequence, RgbdSequenceConfig
from ponder_data.datasets.rgbd_tum import is_tum
from ponder_data.datasets.s3dis import S3dis, S3disConfig, is_s3dis
from ponder_data.datasets.scan_file import SCAN_SUFFIXES
from ponder_data.datasets.scan_folder import ScanFolder, ScanFolderConfig
from ponder_data.datasets.scannet import all_of_scannet, is_scannet
from ponder_data.datasets.scannetpp import all_of_scannetpp, is_scannetpp
from ponder_data.datasets.structured3d import Structured3d, Structured3dConfig, is_structured3d
from ponder_data.prepared.index import is_cache
from ponder_data.scenes import Scenes


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One way of arranging files.

    Attributes:
        name: short, for reports and options.
        title: what it is, in words.
        looked_for: the files that it is told by, in words.
        is_at: whether a folder itself (not its subfolders) has this layout.
        open_at: the scenes of such a folder, all splits together.
    """

    name: str
    title: str
    looked_for: str
    is_at: Callable[[Path], bool]
    open_at: Callable[[Path], Scenes]

    def folders(self, path: Path) -> list[Path]:
        """Return the folder itself where it has this layout, otherwise those of its subfolders that do."""
        if self.is_at(path):
            return [path]
        return sorted(folder for folder in path.iterdir() if folder.is_dir() and self.is_at(folder))

    def open(self, path: Path) -> Scenes:
        """Return the scenes of a folder of this layout, or of all its subfolders that have it, joined.

        Raises:
            ValueError: when neither has it, or what is there cannot be read.
        """
        folders = self.folders(path)
        if not folders:
            raise ValueError(f"{path}: is no {self.title}; looked for {self.looked_for}")
        opened = [self.open_at(folder) for folder in folders]
        return opened[0] if len(opened) == 1 else JoinedScenes(opened)


def _holds(*patterns: str) -> Callable[[Path], bool]:
    """Return a test whether a folder holds something for each of the patterns."""
    return lambda path: all(next(path.glob(pattern), None) is not None for pattern in patterns)


def _holds_scans(path: Path) -> bool:
    return any(file.suffix.lower() in SCAN_SUFFIXES for file in path.rglob("*"))


def _open_nuscenes(path: Path) -> Scenes:
    version = sorted(path.glob("v1.0-*/sample.json"))[0].parent.name
    return NuScenes(NuScenesConfig(path=path, version=version, split="all"))


def _open_rgbd(path: Path) -> Scenes:
    return RgbdSequence(RgbdSequenceConfig(path=path, split="val"))


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="prepared",
        title="cache of prepared scenes",
        looked_for="dataset.json (the index of a cache)",
        is_at=is_cache,
        open_at=lambda path: PreparedScenes(PreparedScenesConfig(path=path, split="all")),
    ),
    Layout(
        name="nuscenes",
        title="nuScenes data set",
        looked_for="v1.0-*/sample.json (the tables)",
        is_at=_holds("v1.0-*/sample.json"),
        open_at=_open_nuscenes,
    ),
    Layout(
        name="scannet",
        title="ScanNet v2 data set",
        looked_for="scans/<scene>/<scene>_vh_clean_2.ply",
        is_at=is_scannet,
        open_at=all_of_scannet,
    ),
    Layout(
        name="scannetpp",
        title="ScanNet++ data set",
        looked_for="data/<scene>/scans/mesh_aligned_0.05.ply",
        is_at=is_scannetpp,
        open_at=all_of_scannetpp,
    ),
    Layout(
        name="s3dis",
        title="S3DIS data set",
        looked_for="Area_1/<room>/Annotations/ and so on",
        is_at=is_s3dis,
        open_at=lambda path: S3dis(S3disConfig(path=path, split="all")),
    ),
    Layout(
        name="structured3d",
        title="Structured3D data set",
        looked_for="scene_00000/2D_rendering/ and so on",
        is_at=is_structured3d,
        open_at=lambda path: Structured3d(Structured3dConfig(path=path, split="all")),
    ),
    Layout(
        name="arkitscenes",
        title="ARKitScenes data set",
        looked_for="Training/ or Validation/ with <video>/<video>_3dod_mesh.ply",
        is_at=is_arkitscenes,
        open_at=all_of_arkitscenes,
    ),
    Layout(
        name="matterport3d",
        title="Matterport3D data set",
        looked_for="v1/scans/<house>/region_segmentations/",
        is_at=is_matterport3d,
        open_at=all_of_matterport3d,
    ),
    Layout(
        name="rgbd",
        title="folder of posed RGB-D frames",
        looked_for="frame-NNNNNN.depth.png",
        is_at=_holds("frame-*.depth.png"),
        open_at=_open_rgbd,
    ),
    Layout(
        name="tum",
        title="RGB-D recording in TUM's layout",
        looked_for="rgb.txt, depth.txt and groundtruth.txt",
        is_at=is_tum,
        open_at=_open_rgbd,
    ),
    Layout(
        name="scannet-export",
        title="RGB-D recording as ScanNet's program exports it",
        looked_for="the folders color/, depth/ and pose/",
        is_at=is_scannet_export,
        open_at=_open_rgbd,
    ),
    Layout(
        name="multi-view",
        title="pictures of an object in the layout of IDR and NeuS (DTU)",
        looked_for="cameras_sphere.npz or cameras.npz with image/",
        is_at=is_multi_view,
        open_at=lambda path: MultiViewFolder(MultiViewConfig(path=path, split="val")),
    ),
    Layout(
        name="colmap",
        title="model of COLMAP with its pictures",
        looked_for="cameras, images and points3D (.bin or .txt), here or in sparse/, with images/",
        is_at=is_colmap,
        open_at=lambda path: ColmapModels(ColmapConfig(path=path, split="val")),
    ),
    Layout(
        name="lidarseg",
        title="folder of labelled LiDAR sweeps",
        looked_for="NAME.pcd.bin with NAME_lidarseg.bin",
        is_at=_holds("*.pcd.bin", "*_lidarseg.bin"),
        open_at=lambda path: LidarsegFolder(LidarsegFolderConfig(path=path)),
    ),
    Layout(
        name="scans",
        title="folder of scans and meshes",
        looked_for=f"files that end in {', '.join(SCAN_SUFFIXES)}, in subfolders too",
        is_at=_holds_scans,
        open_at=lambda path: ScanFolder(ScanFolderConfig(path=path)),
    ),
)
"""The layouts that are known, in the order in which they are tried: the ones of most certain marks first."""


def detect_layout(path: Path) -> Layout:
    """Return the first layout that a folder, or a subfolder right in it, has.

    Raises:
        ValueError: when there is no such folder, or it has none of the layouts; says what was looked for.
    """
    if not path.is_dir():
        raise ValueError(f"{path}: no such folder; give the folder that holds the data")
    for layout in LAYOUTS:
        if layout.folders(path):
            return layout
    looked_for = "; ".join(f"{layout.looked_for} ({layout.title})" for layout in LAYOUTS)
    raise ValueError(
        f"{path}: holds no data in a layout that is known, neither itself nor right in its subfolders; looked "
        f"for: {looked_for}"
    )


def open_dataset(path: Path) -> Scenes:
    """Return all scenes of a folder, whatever its layout; nothing is split off, held-out views are shown.

    Raises:
        ValueError: when the layout is not known or the files cannot be read.
    """
    return detect_layout(path).open(path)
