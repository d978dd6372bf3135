"""ScanNet's words for the classes of the rooms, and the rows of its table of categories for them."""

from dataclasses import dataclass
from pathlib import Path

from ponder_data.labels import NYU40, SCANNET200
from ponder_data.rooms.classes import RoomClass

LABELS_FILE = "scannetv2-labels.combined.tsv"

# What annotators of ScanNet write, and the class of NYU40 that it counts as.
_WORDS = {
    RoomClass.FLOOR: ("floor", "floor"),
    RoomClass.WALL: ("wall", "wall"),
    RoomClass.CEILING: ("ceiling", "ceiling"),
    RoomClass.DOOR: ("door", "door"),
    RoomClass.WINDOW: ("window", "window"),
    RoomClass.CURTAIN: ("curtain", "curtain"),
    RoomClass.PICTURE: ("picture", "picture"),
    RoomClass.RUG: ("mat", "floor mat"),
    RoomClass.TABLE: ("table", "table"),
    RoomClass.CHAIR: ("chair", "chair"),
    RoomClass.SOFA: ("couch", "sofa"),
    RoomClass.BED: ("bed", "bed"),
    RoomClass.SHELF: ("bookshelf", "bookshelf"),
    RoomClass.CABINET: ("cabinet", "cabinet"),
    RoomClass.LAMP: ("lamp", "lamp"),
    RoomClass.PLANT: ("plant", "otherprop"),
    RoomClass.SCREEN: ("monitor", "otherprop"),
}

_COLUMNS = [
    "id",
    "raw_category",
    "category",
    "count",
    "nyu40id",
    "eigen13id",
    "nyuClass",
    "nyu40class",
    "eigen13class",
    "ModelNet40",
    "ModelNet10",
    "ShapeNetCore55",
    "synsetoffset",
    "wnsynsetid",
    "wnsynsetkey",
    "mpcat40",
    "mpcat40index",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanNetCategory:
    """A category: the word in annotations, its id, and the name and id of its class in NYU40."""

    name: str
    id: int
    nyu40: str
    nyu40_id: int


def scannet_category(label: RoomClass) -> ScanNetCategory:
    """Return the category of a class of the rooms."""
    name, nyu40 = _WORDS[label]
    return ScanNetCategory(
        name=name,
        id=SCANNET200.raw_ids[SCANNET200.names.index(name)][0],
        nyu40=nyu40,
        nyu40_id=NYU40.raw_ids[NYU40.names.index(nyu40)][0],
    )


def write_categories(path: Path, counts: dict[RoomClass, int]) -> None:
    """Write the table of categories, with as many objects as ``counts`` says.

    Columns of other vocabularies (Eigen's 13 classes, ModelNet, ShapeNet, WordNet, Matterport) stay empty.
    """
    lines = ["\t".join(_COLUMNS)]
    for label in sorted(RoomClass, key=lambda label: scannet_category(label).id):
        category = scannet_category(label)
        row = {
            "id": category.id,
            "raw_category": category.name,
            "category": category.name,
            "count": counts.get(label, 0),
            "nyu40id": category.nyu40_id,
            "nyuClass": category.name,
            "nyu40class": category.nyu40,
        }
        lines.append("\t".join(str(row.get(column, "")) for column in _COLUMNS))
    path.write_text("\n".join([*lines, ""]))
