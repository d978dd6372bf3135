"""NYU40: the 40 classes of NYU Depth v2 that ScanNet and Structured3D build on; ids 1 to 40, 0 unannotated.

The original tables spell refrigerator "refridgerator". Colours are ScanNet's.
"""

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
    ("blinds", (178, 76, 76), (13,)),
    ("desk", (247, 182, 210), (14,)),
    ("shelves", (66, 188, 102), (15,)),
    ("curtain", (219, 219, 141), (16,)),
    ("dresser", (140, 57, 197), (17,)),
    ("pillow", (202, 185, 52), (18,)),
    ("mirror", (51, 176, 203), (19,)),
    ("floor mat", (200, 54, 131), (20,)),
    ("clothes", (92, 193, 61), (21,)),
    ("ceiling", (78, 71, 183), (22,)),
    ("books", (172, 114, 82), (23,)),
    ("refrigerator", (255, 127, 14), (24,)),
    ("television", (91, 163, 138), (25,)),
    ("paper", (153, 98, 156), (26,)),
    ("towel", (140, 153, 101), (27,)),
    ("shower curtain", (158, 218, 229), (28,)),
    ("box", (100, 125, 154), (29,)),
    ("whiteboard", (178, 127, 135), (30,)),
    ("person", (120, 185, 128), (31,)),
    ("night stand", (146, 111, 194), (32,)),
    ("toilet", (44, 160, 44), (33,)),
    ("sink", (112, 128, 144), (34,)),
    ("lamp", (96, 207, 209), (35,)),
    ("bathtub", (227, 119, 194), (36,)),
    ("bag", (213, 92, 176), (37,)),
    ("otherstructure", (94, 106, 211), (38,)),
    ("otherfurniture", (82, 84, 163), (39,)),
    ("otherprop", (100, 85, 144), (40,)),
)

NYU40 = LabelSet(
    name="NYU40",
    names=tuple(name for name, _, _ in _CLASSES),
    colors=tuple(color for _, color, _ in _CLASSES),
    raw_ids=tuple(ids for _, _, ids in _CLASSES),
    raw_set="NYU40 ids",
)
