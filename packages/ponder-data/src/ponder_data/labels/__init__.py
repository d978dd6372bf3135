"""Label sets as data: names, colours, the ids of the files, and which classes of two sets mean the same."""

from ponder_data.labels.asprs import ASPRS
from ponder_data.labels.label_set import Color, LabelSet
from ponder_data.labels.nuscenes_categories import NUSCENES_CATEGORIES
from ponder_data.labels.nuscenes_detection import NUSCENES_DETECTION
from ponder_data.labels.nuscenes_lidarseg import NUSCENES_LIDARSEG
from ponder_data.labels.nyu40 import NYU40
from ponder_data.labels.rooms import ROOMS
from ponder_data.labels.s3dis import S3DIS
from ponder_data.labels.scannet20 import SCANNET20
from ponder_data.labels.scannet200 import SCANNET200
from ponder_data.labels.structured3d import STRUCTURED3D
from ponder_data.labels.synonyms import SYNONYMS, map_classes, same_meaning

__all__ = [
    "ASPRS",
    "NUSCENES_CATEGORIES",
    "NUSCENES_DETECTION",
    "NUSCENES_LIDARSEG",
    "NYU40",
    "ROOMS",
    "S3DIS",
    "SCANNET20",
    "SCANNET200",
    "STRUCTURED3D",
    "SYNONYMS",
    "Color",
    "LabelSet",
    "map_classes",
    "same_meaning",
]
