"""Instances as ScanNet and ScanNet++ write them: vertices belong to segments, and objects are groups of segments."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int

from ponder_data.indoor.files import read_json


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentGroup:
    """An object: its number, the words of who labelled it, and its segments."""

    number: int
    label: str
    segments: Int[np.ndarray, " segments"]


def read_segments(path: Path, vertices: int) -> Int[np.ndarray, " vertices"]:
    """Return the segment of each vertex (``segIndices``).

    Raises:
        ValueError: when the file is absent, cut off, or not of this mesh.
    """
    data = read_json(path)
    try:
        segments = np.asarray(data["segIndices"], dtype=np.int64)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: holds no segIndices; check that it is a file of segments") from error
    if segments.shape != (vertices,):
        raise ValueError(
            f"{path}: holds segments of {len(segments)} vertices, but the mesh has {vertices}; "
            "take both from the same download"
        )
    return segments


def read_groups(path: Path) -> tuple[SegmentGroup, ...]:
    """Return the objects (``segGroups``) in the file's order.

    Raises:
        ValueError: when the file is absent, cut off, or a group lacks its number, label or segments.
    """
    data = read_json(path)
    try:
        groups = tuple(
            SegmentGroup(
                number=int(group["objectId"]),
                label=str(group["label"]),
                segments=np.asarray(group["segments"], dtype=np.int64).reshape(-1),
            )
            for group in data["segGroups"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: a group of segGroups lacks objectId, label or segments ({error!r})"
        ) from error
    numbers = [group.number for group in groups]
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"{path}: two groups of segGroups have the same objectId; download it again")
    return groups


def group_masks(
    groups: tuple[SegmentGroup, ...], segments: Int[np.ndarray, " vertices"]
) -> tuple[Bool[np.ndarray, " vertices"], ...]:
    """Return the vertices of each group."""
    # Segments have large numbers: looked up once among those that occur, then by small ones.
    names, place = np.unique(segments, return_inverse=True)
    return tuple(np.isin(names, group.segments)[place.reshape(-1)] for group in groups)
