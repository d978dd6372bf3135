"""ARKitScenes' 17 classes of boxes, in the order of its detection benchmark. Its files name classes."""

from ponder_data.labels.label_set import Color, LabelSet

_CLASSES: tuple[tuple[str, Color], ...] = (
    ("cabinet", (31, 119, 180)),
    ("refrigerator", (255, 127, 14)),
    ("shelf", (66, 188, 102)),
    ("stove", (55, 220, 57)),
    ("bed", (255, 187, 120)),
    ("sink", (112, 128, 144)),
    ("washer", (208, 61, 222)),
    ("toilet", (44, 160, 44)),
    ("bathtub", (227, 119, 194)),
    ("oven", (240, 130, 89)),
    ("dishwasher", (151, 41, 245)),
    ("fireplace", (173, 73, 74)),
    ("stool", (90, 119, 201)),
    ("chair", (188, 189, 34)),
    ("table", (255, 152, 150)),
    ("tv_monitor", (91, 163, 138)),
    ("sofa", (140, 86, 75)),
)

ARKITSCENES = LabelSet(
    name="ARKitScenes 17",
    names=tuple(name for name, _ in _CLASSES),
    colors=tuple(color for _, color in _CLASSES),
    raw_ids=tuple((i,) for i in range(len(_CLASSES))),
    raw_set="places in the benchmark's order of the class names",
)
