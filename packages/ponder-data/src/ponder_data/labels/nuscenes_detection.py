"""The 10 detection classes of nuScenes, in the devkit's order, by the indices of their raw categories."""

from ponder_data.labels.label_set import Color, LabelSet

_CLASSES: tuple[tuple[str, Color, tuple[int, ...]], ...] = (
    ("car", (255, 158, 0), (17,)),
    ("truck", (255, 99, 71), (23,)),
    ("bus", (255, 127, 80), (15, 16)),
    ("trailer", (255, 140, 0), (22,)),
    ("construction_vehicle", (233, 150, 70), (18,)),
    ("pedestrian", (0, 0, 230), (2, 3, 4, 6)),
    ("motorcycle", (255, 61, 99), (21,)),
    ("bicycle", (220, 20, 60), (14,)),
    ("traffic_cone", (47, 79, 79), (12,)),
    ("barrier", (112, 128, 144), (9,)),
)

NUSCENES_DETECTION = LabelSet(
    name="nuScenes detection 10",
    names=tuple(name for name, _, _ in _CLASSES),
    colors=tuple(color for _, color, _ in _CLASSES),
    raw_ids=tuple(ids for _, _, ids in _CLASSES),
    raw_set="nuScenes lidarseg category indices, 0 to 31",
)
