"""The 16 classes of nuScenes-lidarseg, by the 32 raw ids of its files; the challenge counts them from 1."""

from ponder_data.labels.label_set import Color, LabelSet

_CLASSES: tuple[tuple[str, Color, tuple[int, ...]], ...] = (
    ("barrier", (112, 128, 144), (9,)),
    ("bicycle", (220, 20, 60), (14,)),
    ("bus", (255, 127, 80), (15, 16)),
    ("car", (255, 158, 0), (17,)),
    ("construction_vehicle", (233, 150, 70), (18,)),
    ("motorcycle", (255, 61, 99), (21,)),
    ("pedestrian", (0, 0, 230), (2, 3, 4, 6)),
    ("traffic_cone", (47, 79, 79), (12,)),
    ("trailer", (255, 140, 0), (22,)),
    ("truck", (255, 99, 71), (23,)),
    ("driveable_surface", (0, 207, 191), (24,)),
    ("other_flat", (175, 0, 75), (25,)),
    ("sidewalk", (75, 0, 75), (26,)),
    ("terrain", (112, 180, 60), (27,)),
    ("manmade", (222, 184, 135), (28,)),
    ("vegetation", (0, 175, 0), (30,)),
)

NUSCENES_LIDARSEG = LabelSet(
    name="nuScenes lidarseg 16",
    names=tuple(name for name, _, _ in _CLASSES),
    colors=tuple(color for _, color, _ in _CLASSES),
    raw_ids=tuple(ids for _, _, ids in _CLASSES),
    raw_set="nuScenes lidarseg category indices, 0 to 31",
)
