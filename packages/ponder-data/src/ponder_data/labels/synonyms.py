"""Classes of different sets that mean the same, under different names."""

from ponder_data.labels.label_set import LabelSet
from ponder_data.scene import IGNORE_LABEL

SYNONYMS: tuple[tuple[str, ...], ...] = (
    ("sofa", "couch"),
    ("bookshelf", "bookcase"),
    ("shelves", "shelf"),
    ("television", "tv"),
    ("night stand", "nightstand"),
    ("books", "book"),
    ("floor mat", "mat"),
    ("otherfurniture", "other furniture", "furniture"),
    ("otherstructure", "other structure", "structure"),
    ("otherprop", "other prop", "object"),
    ("person", "pedestrian"),
    ("screen", "monitor"),
)
"""Groups of names; a name is in one group at most."""


def same_meaning(name: str) -> tuple[str, ...]:
    """Return the names that mean the same as ``name``, itself first."""
    group = next((names for names in SYNONYMS if name in names), (name,))
    return (name, *(other for other in group if other != name))


def map_classes(source: LabelSet, target: LabelSet) -> tuple[int, ...]:
    """Return, for each class of ``source``, the class of ``target`` with its name or a synonym; -1 without one."""
    place = {name: label for label, name in enumerate(target.names)}
    return tuple(
        next((place[other] for other in same_meaning(name) if other in place), IGNORE_LABEL)
        for name in source.names
    )
