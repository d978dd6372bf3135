"""Structured3D's 25 classes: those of NYU40 that occur often enough, by their NYU40 ids, in ScanNet's colours."""

from ponder_data.labels.label_set import Color, LabelSet

_CLASSES: tuple[tuple[str, Color, tuple[int, ...]], ...] = (
    ("wall", (174, 199, 232), (1,)),
    ("floor", (152, 223, 138), (2,)),
    ("cabinet", (31, 119, 180), (3,)),
    ("bed", (255, 187, 120), (4,)),
    ("chair", (188, 189, 34), (5,)),
    ("sofa", (140, 86, 75), (6,)),
    ("table", (255, 152, 150), (7,)),
    ("door", (214, 39, 40), (8,)),
    ("window", (197, 176, 213), (9,)),
    ("picture", (196, 156, 148), (11,)),
    ("desk", (247, 182, 210), (14,)),
    ("shelves", (66, 188, 102), (15,)),
    ("curtain", (219, 219, 141), (16,)),
    ("dresser", (140, 57, 197), (17,)),
    ("pillow", (202, 185, 52), (18,)),
    ("mirror", (51, 176, 203), (19,)),
    ("ceiling", (78, 71, 183), (22,)),
    ("refrigerator", (255, 127, 14), (24,)),
    ("television", (91, 163, 138), (25,)),
    ("nightstand", (146, 111, 194), (32,)),
    ("sink", (112, 128, 144), (34,)),
    ("lamp", (96, 207, 209), (35,)),
    ("otherstructure", (94, 106, 211), (38,)),
    ("otherfurniture", (82, 84, 163), (39,)),
    ("otherprop", (100, 85, 144), (40,)),
)

STRUCTURED3D = LabelSet(
    name="Structured3D 25",
    names=tuple(name for name, _, _ in _CLASSES),
    colors=tuple(color for _, color, _ in _CLASSES),
    raw_ids=tuple(ids for _, _, ids in _CLASSES),
    raw_set="NYU40 ids",
)
