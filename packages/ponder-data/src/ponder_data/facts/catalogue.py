"""The sources of data: what each is, under which terms, and where to ask for it.

Facts about other people's data, as their makers state them; read their terms before you use it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source.

    Attributes:
        name: as people know it.
        holds: what is in it.
        layout: the layout (`ponder_data.layouts`) by which its files are read; "generated" where there are none.
        licence: its terms, in short.
        where: the page on which to ask for it.
    """

    name: str
    holds: str
    layout: str
    licence: str
    where: str


SOURCES: tuple[Source, ...] = (
    Source(
        name="synthetic rooms",
        holds="furnished rooms: pictures, depth, labels, instances, boxes",
        layout="generated",
        licence="yours",
        where="nothing to ask for: the recipes 'rooms...' make them",
    ),
    Source(
        name="synthetic streets",
        holds="traffic: LiDAR, six cameras, labels, boxes with velocity",
        layout="generated",
        licence="yours",
        where="nothing to ask for: SyntheticStreets makes them",
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
        name="prepared caches",
        holds="any of these after 'ponder data prepare'",
        layout="prepared",
        licence="that of what was prepared",
        where="ponder data prepare DIR -o CACHE",
    ),
)
"""What this version reads, first what needs no asking. A new reader adds a line here."""
