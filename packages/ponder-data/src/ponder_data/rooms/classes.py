"""The classes of the synthetic rooms and the colours they are shown in."""

from enum import IntEnum

import numpy as np


class RoomClass(IntEnum):
    """Class ids of the synthetic rooms; the lower-case names are `ROOM_CLASSES`."""

    FLOOR = 0
    WALL = 1
    CEILING = 2
    DOOR = 3
    WINDOW = 4
    CURTAIN = 5
    PICTURE = 6
    RUG = 7
    TABLE = 8
    CHAIR = 9
    SOFA = 10
    BED = 11
    SHELF = 12
    CABINET = 13
    LAMP = 14
    PLANT = 15
    SCREEN = 16


ROOM_CLASSES: tuple[str, ...] = tuple(label.name.lower() for label in RoomClass)
"""Names of the classes; the index is the class id."""

ROOM_PALETTE = np.array(
    [
        (152, 223, 138),  # floor
        (174, 199, 232),  # wall
        (120, 133, 160),  # ceiling
        (214, 39, 40),  # door
        (197, 176, 213),  # window
        (219, 219, 141),  # curtain
        (196, 156, 148),  # picture
        (23, 190, 207),  # rug
        (255, 152, 150),  # table
        (188, 189, 34),  # chair
        (140, 86, 75),  # sofa
        (255, 187, 120),  # bed
        (148, 103, 189),  # shelf
        (31, 119, 180),  # cabinet
        (255, 127, 14),  # lamp
        (44, 160, 44),  # plant
        (60, 60, 60),  # screen
    ],
    dtype=np.uint8,
)
"""Display colour of each class, RGB in 0..255; it has nothing to do with the colours of the rooms."""
