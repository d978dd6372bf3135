"""ASPRS: the standard point classes of LAS 1.4 (R15, table 17), which aerial and terrestrial laser scans use."""

from ponder_data.labels.label_set import Color, LabelSet

_CLASSES: tuple[tuple[int, str, Color], ...] = (
    (2, "ground", (150, 111, 72)),
    (3, "low vegetation", (178, 223, 138)),
    (4, "medium vegetation", (102, 189, 99)),
    (5, "high vegetation", (26, 122, 62)),
    (6, "building", (227, 92, 74)),
    (9, "water", (66, 146, 198)),
    (10, "rail", (84, 39, 136)),
    (11, "road surface", (120, 120, 128)),
    (13, "wire guard", (252, 205, 229)),
    (14, "wire conductor", (255, 217, 47)),
    (15, "transmission tower", (253, 141, 60)),
    (16, "wire connector", (188, 128, 189)),
    (17, "bridge deck", (190, 174, 150)),
    (19, "overhead structure", (141, 160, 203)),
    (20, "ignored ground", (200, 170, 130)),
    (21, "snow", (235, 245, 255)),
    (22, "temporal exclusion", (217, 217, 217)),
)

ASPRS = LabelSet(
    name="ASPRS",
    names=tuple(name for _, name, _ in _CLASSES),
    colors=tuple(color for _, _, color in _CLASSES),
    raw_ids=tuple((raw,) for raw, _, _ in _CLASSES),
    raw_set="classification codes of LAS; 0 and 1 (not classified) and noise mean no class",
)
