"""The tables against what the datasets themselves publish, as read there on their own."""

import hashlib

from ponder_data.labels import (
    ARKITSCENES,
    MATTERPORT3D,
    NYU40,
    S3DIS,
    SCANNET20,
    SCANNET200,
    STRUCTURED3D,
    LabelSet,
)

# VALID_CLASS_IDS_20 of the ScanNet repository.
IDS_20 = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 28, 33, 34, 36, 39)
# Of the lines "<id> <name> <r> <g> <b>" of VALID_CLASS_IDS_200, CLASS_LABELS_200 and SCANNET_COLOR_MAP_200 there.
DIGEST_200 = "d92f8c7a637617e2d0c31cdf50088230ba42684166f658f8097dc2d46d48acb5"
SOME_OF_200 = {
    1: ("wall", (174, 199, 232)),
    10: ("office chair", (91, 229, 110)),
    52: ("whiteboard", (237, 80, 38)),
    110: ("clothes dryer", (151, 41, 245)),
    417: ("shower floor", (48, 113, 150)),
    1156: ("bathroom counter", (95, 220, 156)),
    1178: ("structure", (175, 199, 77)),
    1191: ("mattress", (42, 94, 198)),
}
# metadata/labelids.txt of the Structured3D repository, which is NYU Depth's list of 40 classes.
NAMES_40 = """
wall,floor,cabinet,bed,chair,sofa,table,door,window,bookshelf,picture,counter,blinds,desk,shelves,curtain,dresser,
pillow,mirror,floor mat,clothes,ceiling,books,refrigerator,television,paper,towel,shower curtain,box,whiteboard,person,
nightstand,toilet,sink,lamp,bathtub,bag,otherstructure,otherfurniture,otherprop
"""
# The palette that PointNet's preparation of S3DIS began and MMDetection3D has too.
S3DIS_COLORS = {
    "ceiling": (0, 255, 0),
    "floor": (0, 0, 255),
    "wall": (0, 255, 255),
    "beam": (255, 255, 0),
    "column": (255, 0, 255),
    "window": (100, 100, 255),
    "door": (200, 200, 100),
    "table": (170, 120, 200),
    "chair": (255, 0, 0),
    "sofa": (200, 100, 100),
    "bookcase": (10, 200, 100),
    "board": (200, 200, 200),
    "clutter": (50, 50, 50),
}
# metadata/mpcat40.tsv of the Matterport repository: ids, names and colours of some.
DIGEST_MPCAT40 = "1e96f4f5b878ce0d2fec9bf6cc0ecc31c2e7d876fb59230da17e40b84ec53d35"
SOME_OF_MPCAT40 = {
    1: ("wall", "aec7e8"),
    2: ("floor", "708090"),
    13: ("chest_of_drawers", "9467bd"),
    16: ("stairs", "9edae5"),
    22: ("tv_monitor", "d6616b"),
    31: ("shelving", "c49c94"),
    40: ("misc", "7f7f7f"),
}


def lines(labels: LabelSet) -> list[str]:
    table = zip(labels.raw_ids, labels.names, labels.colors, strict=True)
    return [f"{ids[0]} {name} {r} {g} {b}" for ids, name, (r, g, b) in table]


def test_scannet200_is_the_benchmarks_table() -> None:
    for number, (name, color) in SOME_OF_200.items():
        place = SCANNET200.raw_ids.index((number,))
        assert (SCANNET200.names[place], SCANNET200.colors[place]) == (name, color)
    assert hashlib.sha256("\n".join(lines(SCANNET200)).encode()).hexdigest() == DIGEST_200


def test_nyu40_and_the_sets_built_on_it() -> None:
    names = tuple(name.strip() for name in NAMES_40.replace("\n", "").split(","))
    assert tuple(name.replace("night stand", "nightstand") for name in NYU40.names) == names
    assert NYU40.raw_ids == tuple((i,) for i in range(1, 41))
    assert tuple(ids[0] for ids in SCANNET20.raw_ids) == IDS_20
    for labels in (SCANNET20, STRUCTURED3D):
        for (number,), name, color in zip(labels.raw_ids, labels.names, labels.colors, strict=True):
            assert (name, color) == (names[number - 1], NYU40.colors[number - 1])


def test_s3dis_order_and_colors() -> None:
    assert dict(zip(S3DIS.names, S3DIS.colors, strict=True)) == S3DIS_COLORS
    assert S3DIS.names == tuple(S3DIS_COLORS)


def test_mpcat40() -> None:
    assert len(MATTERPORT3D) == 40
    for number, (name, color) in SOME_OF_MPCAT40.items():
        assert MATTERPORT3D.raw_ids[number - 1] == (number,)
        assert MATTERPORT3D.names[number - 1] == name
        assert bytes(MATTERPORT3D.colors[number - 1]).hex() == color
    # Over all colours, in the order of the ids.
    everything = "".join(bytes(color).hex() for color in MATTERPORT3D.colors)
    assert hashlib.sha256(everything.encode()).hexdigest() == DIGEST_MPCAT40


def test_arkitscenes_order() -> None:
    expected = (
        "cabinet refrigerator shelf stove bed sink washer toilet bathtub oven dishwasher fireplace stool chair table "
        "tv_monitor sofa"
    )
    assert ARKITSCENES.names == tuple(expected.split())
    assert len(set(ARKITSCENES.colors)) == 17
