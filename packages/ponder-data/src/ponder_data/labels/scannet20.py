"""ScanNet's 20 benchmark classes, by the NYU40 ids of its label files, with the benchmark's colours."""

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
    ("bookshelf", (148, 103, 189), (10,)),
    ("picture", (196, 156, 148), (11,)),
    ("counter", (23, 190, 207), (12,)),
    ("desk", (247, 182, 210), (14,)),
    ("curtain", (219, 219, 141), (16,)),
    ("refrigerator", (255, 127, 14), (24,)),
    ("shower curtain", (158, 218, 229), (28,)),
    ("toilet", (44, 160, 44), (33,)),
    ("sink", (112, 128, 144), (34,)),
    ("bathtub", (227, 119, 194), (36,)),
    ("otherfurniture", (82, 84, 163), (39,)),
)

SCANNET20 = LabelSet(
    name="ScanNet20",
    names=tuple(name for name, _, _ in _CLASSES),
    colors=tuple(color for _, color, _ in _CLASSES),
    raw_ids=tuple(ids for _, _, ids in _CLASSES),
    raw_set="NYU40 ids",
)
