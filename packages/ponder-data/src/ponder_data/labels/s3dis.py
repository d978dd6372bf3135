"""S3DIS's 13 classes, in the usual order and colours. Its files name classes; the raw id is the place in this order."""

from ponder_data.labels.label_set import Color, LabelSet

_CLASSES: tuple[tuple[str, Color, tuple[int, ...]], ...] = (
    ("ceiling", (0, 255, 0), (0,)),
    ("floor", (0, 0, 255), (1,)),
    ("wall", (0, 255, 255), (2,)),
    ("beam", (255, 255, 0), (3,)),
    ("column", (255, 0, 255), (4,)),
    ("window", (100, 100, 255), (5,)),
    ("door", (200, 200, 100), (6,)),
    ("table", (170, 120, 200), (7,)),
    ("chair", (255, 0, 0), (8,)),
    ("sofa", (200, 100, 100), (9,)),
    ("bookcase", (10, 200, 100), (10,)),
    ("board", (200, 200, 200), (11,)),
    ("clutter", (50, 50, 50), (12,)),
)

S3DIS = LabelSet(
    name="S3DIS 13",
    names=tuple(name for name, _, _ in _CLASSES),
    colors=tuple(color for _, color, _ in _CLASSES),
    raw_ids=tuple(ids for _, _, ids in _CLASSES),
    raw_set="places in the usual order of the class names",
)
