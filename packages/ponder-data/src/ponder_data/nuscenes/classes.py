"""The label sets of nuScenes: raw categories, the 16 classes of lidarseg, the 10 of detection, attributes.

Facts of the dataset's definition. One set of ids serves points and boxes: the ten classes that can be detected
are the first ten of lidarseg's sixteen, so ``NUSCENES_CLASSES[boxes.label]`` names a box.
"""

import numpy as np
from jaxtyping import Int, UInt8

from ponder_data.scene import IGNORE_LABEL, ClassIdError

NUSCENES_CLASSES: tuple[str, ...] = (
    "barrier",
    "bicycle",
    "bus",
    "car",
    "construction_vehicle",
    "motorcycle",
    "pedestrian",
    "traffic_cone",
    "trailer",
    "truck",
    "driveable_surface",
    "other_flat",
    "sidewalk",
    "terrain",
    "manmade",
    "vegetation",
)
"""Names of lidarseg's classes in its order; id 0 is its official class 1 (its class 0, ignore, is -1 here)."""

NUSCENES_DETECTION_CLASSES: tuple[str, ...] = NUSCENES_CLASSES[:10]
"""Names of the classes of boxes; the index is the id."""

NUSCENES_ATTRIBUTES: tuple[str, ...] = (
    "pedestrian.moving",
    "pedestrian.sitting_lying_down",
    "pedestrian.standing",
    "cycle.with_rider",
    "cycle.without_rider",
    "vehicle.moving",
    "vehicle.parked",
    "vehicle.stopped",
)
"""What a box may be said to do; the index is ``Boxes.attribute``."""

NUSCENES_PALETTE = np.array(
    [
        (112, 128, 144),  # barrier
        (220, 20, 60),  # bicycle
        (255, 127, 80),  # bus
        (255, 158, 0),  # car
        (233, 150, 70),  # construction_vehicle
        (255, 61, 99),  # motorcycle
        (0, 0, 230),  # pedestrian
        (47, 79, 79),  # traffic_cone
        (255, 140, 0),  # trailer
        (255, 99, 71),  # truck
        (0, 207, 191),  # driveable_surface
        (175, 0, 75),  # other_flat
        (75, 0, 75),  # sidewalk
        (112, 180, 60),  # terrain
        (222, 184, 135),  # manmade
        (0, 175, 0),  # vegetation
    ],
    dtype=np.uint8,
)
"""The usual display colour of each class, RGB in 0..255."""

RAW_CATEGORIES: tuple[tuple[str, str | None], ...] = (
    ("noise", None),
    ("animal", None),
    ("human.pedestrian.adult", "pedestrian"),
    ("human.pedestrian.child", "pedestrian"),
    ("human.pedestrian.construction_worker", "pedestrian"),
    ("human.pedestrian.personal_mobility", None),
    ("human.pedestrian.police_officer", "pedestrian"),
    ("human.pedestrian.stroller", None),
    ("human.pedestrian.wheelchair", None),
    ("movable_object.barrier", "barrier"),
    ("movable_object.debris", None),
    ("movable_object.pushable_pullable", None),
    ("movable_object.trafficcone", "traffic_cone"),
    ("static_object.bicycle_rack", None),
    ("vehicle.bicycle", "bicycle"),
    ("vehicle.bus.bendy", "bus"),
    ("vehicle.bus.rigid", "bus"),
    ("vehicle.car", "car"),
    ("vehicle.construction", "construction_vehicle"),
    ("vehicle.emergency.ambulance", None),
    ("vehicle.emergency.police", None),
    ("vehicle.motorcycle", "motorcycle"),
    ("vehicle.trailer", "trailer"),
    ("vehicle.truck", "truck"),
    ("flat.driveable_surface", "driveable_surface"),
    ("flat.other", "other_flat"),
    ("flat.sidewalk", "sidewalk"),
    ("flat.terrain", "terrain"),
    ("static.manmade", "manmade"),
    ("static.other", None),
    ("static.vegetation", "vegetation"),
    ("vehicle.ego", None),
)
"""Raw categories in the order of their lidarseg ids (0 to 31), each with the class it counts as."""

CATEGORY_LABEL: dict[str, int] = {
    name: IGNORE_LABEL if label is None else NUSCENES_CLASSES.index(label) for name, label in RAW_CATEGORIES
}
"""Class id of each raw category, -1 where it counts as none. Boxes use the same map."""


def lidarseg_labels(raw: UInt8[np.ndarray, " points"]) -> Int[np.ndarray, " points"]:
    """Return the class ids (int64, -1 where none) of raw lidarseg ids.

    Raises:
        ClassIdError: when an id is not one of the 32.
    """
    if len(raw) and int(raw.max()) >= len(RAW_CATEGORIES):
        raise ClassIdError(
            f"lidarseg id {int(raw.max())} is not one of 0 to {len(RAW_CATEGORIES) - 1}; "
            "give raw labels of nuScenes-lidarseg, one uint8 per point"
        )
    return _RAW_TO_CLASS[raw]


_RAW_TO_CLASS = np.array([CATEGORY_LABEL[name] for name, _ in RAW_CATEGORIES], dtype=np.int64)
