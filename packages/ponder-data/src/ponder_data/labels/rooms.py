"""The classes of the synthetic rooms; raw ids are the class ids."""

from ponder_data.labels.label_set import LabelSet
from ponder_data.rooms.classes import ROOM_CLASSES, ROOM_PALETTE

ROOMS = LabelSet(
    name="rooms",
    names=ROOM_CLASSES,
    colors=tuple((int(red), int(green), int(blue)) for red, green, blue in ROOM_PALETTE),
    raw_ids=tuple((label,) for label in range(len(ROOM_CLASSES))),
    raw_set="class ids of the synthetic rooms",
)
