"""The sources of data: what each is, under which terms, and where to ask for it.

Facts about other people's data, in short; their makers' own terms, on the pages that are named, are what counts.
"""

from dataclasses import dataclass

from ponder_data.layouts import LAYOUTS

GENERATED = "generated"
"""Stands for the layout of what no file is needed for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source.

    Attributes:
        name: as people know it.
        holds: what is in it.
        layout: name of the layout (`ponder_data.layouts`) of its files; `GENERATED` where there are none.
        licence: its terms, in short.
        where: the page on which to ask for it.
    """

    name: str
    holds: str
    layout: str
    licence: str
    where: str


_SOURCES: tuple[Source, ...] = (
    Source(
        name="synthetic rooms",
        holds="furnished rooms: pictures, depth, labels, instances, boxes",
        layout=GENERATED,
        licence="yours",
        where="nothing to ask for: the recipes rooms, rooms-features, ... make them",
    ),
    Source(
        name="synthetic streets",
        holds="traffic: LiDAR, six cameras, labels, boxes with velocity",
        layout=GENERATED,
        licence="yours",
        where="nothing to ask for: the recipes streets, streets-camera, ... make them",
    ),
    Source(
        name="your RGB-D frames",
        holds="a folder of frame-NNNNNN.color, .depth and .pose files",
        layout="rgbd",
        licence="yours",
        where="record them with any depth camera and a SLAM program",
    ),
    Source(
        name="your scans",
        holds="a folder of coloured clouds or meshes; virtual cameras take pictures of them",
        layout="scans",
        licence="yours",
        where="export them from any scanner",
    ),
    Source(
        name="7-Scenes",
        holds="RGB-D sequences of 7 rooms (Kinect), poses",
        layout="rgbd",
        licence="Microsoft Research licence, non-commercial",
        where="https://www.microsoft.com/en-us/research/project/rgb-d-dataset-7-scenes/",
    ),
    Source(
        name="nuScenes",
        holds="1000 drives of 20 s: LiDAR, six cameras, boxes; lidarseg labels",
        layout="nuscenes",
        licence="CC BY-NC-SA 4.0, and terms of use",
        where="https://www.nuscenes.org/nuscenes#download",
    ),
    Source(
        name="nuScenes lidarseg, sweeps alone",
        holds="NAME.pcd.bin with NAME_lidarseg.bin, without tables",
        layout="lidarseg",
        licence="CC BY-NC-SA 4.0, and terms of use",
        where="https://www.nuscenes.org/nuscenes#download",
    ),
    Source(
        name="TUM RGB-D",
        holds="RGB-D sequences with poses of motion capture",
        layout="tum",
        licence="CC BY 4.0",
        where="https://cvg.cit.tum.de/data/datasets/rgbd-dataset",
    ),
    Source(
        name="ScanNet v2",
        holds="1513 scans of rooms: RGB-D frames, meshes, labels of 20 or 200 classes, instances",
        layout="scannet",
        licence="ScanNet terms of use, non-commercial",
        where="http://www.scan-net.org (sign the terms and mail them)",
    ),
    Source(
        name="ScanNet, exported frames",
        holds="color/, depth/, pose/ and intrinsic/ as ScanNet's own program writes them",
        layout="scannet-export",
        licence="ScanNet terms of use, non-commercial",
        where="http://www.scan-net.org (sign the terms and mail them)",
    ),
    Source(
        name="ScanNet++",
        holds="rooms by laser scanner, DSLR and phone; labels, instances",
        layout="scannetpp",
        licence="ScanNet++ terms of use, non-commercial",
        where="https://kaldir.vc.in.tum.de/scannetpp",
    ),
    Source(
        name="S3DIS",
        holds="271 rooms of 6 areas: clouds, labels of 13 classes, instances",
        layout="s3dis",
        licence="its own terms, for research",
        where="http://buildingparser.stanford.edu/dataset.html (fill in the form)",
    ),
    Source(
        name="Structured3D",
        holds="3500 synthetic houses: pictures, depth, labels",
        layout="structured3d",
        licence="Structured3D terms of use, non-commercial",
        where="https://structured3d-dataset.org (sign the agreement)",
    ),
    Source(
        name="ARKitScenes",
        holds="5047 captures by iPad: RGB-D frames, meshes, boxes",
        layout="arkitscenes",
        licence="CC BY-NC-SA 4.0",
        where="https://github.com/apple/ARKitScenes",
    ),
    Source(
        name="Matterport3D",
        holds="90 buildings: panoramas with depth, meshes, labels",
        layout="matterport3d",
        licence="Matterport3D terms of use, academic",
        where="https://niessner.github.io/Matterport (sign the terms and mail them)",
    ),
    Source(
        name="DTU, BlendedMVS and yours",
        holds="posed pictures of an object with masks, in the layout of IDR and NeuS",
        layout="multi-view",
        licence="that of each data set",
        where="https://github.com/Totoro97/NeuS (its README links the prepared sets)",
    ),
    Source(
        name="your COLMAP models",
        holds="pictures whose cameras COLMAP found, with its points",
        layout="colmap",
        licence="yours",
        where="take photographs and run https://colmap.github.io",
    ),
    Source(
        name="prepared caches",
        holds="any of these after 'ponder data prepare'",
        layout="prepared",
        licence="that of what was prepared",
        where="ponder data prepare DIR -o CACHE",
    ),
)
"""All that we know of, first what needs no asking. A new reader adds a line here."""

SOURCES = tuple(
    source for source in _SOURCES if source.layout in {GENERATED, *(layout.name for layout in LAYOUTS)}
)
"""What this version reads."""
