"""Objects of a scan as ScanNet annotates them: segments of the mesh, and which segments make an object."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int

from ponder_data.raw_layouts.scannet_categories import scannet_category
from ponder_data.rooms.classes import RoomClass
from ponder_data.rooms.labelled_cloud import LabelledCloud

_PATCH = 0.5
"""Metres; no segment is larger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanObject:
    """One annotated object: its class and its segments."""

    label: RoomClass
    segments: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanObjects:
    """The segment of each vertex, and the objects; every vertex belongs to one."""

    segment: Int[np.ndarray, " vertices"]
    objects: tuple[ScanObject, ...]


def find_objects(vertices: LabelledCloud) -> ScanObjects:
    """Return the things among the vertices, each an object; all of a room's floor is one too, its walls, its ceiling.

    A segment is the part of an object in one half metre of the grid, that faces the same of six directions. As in
    the real files, a segment has the number of one of its vertices.
    """
    axis = np.abs(vertices.normal).argmax(axis=1)
    sign = np.take_along_axis(vertices.normal, axis[:, None], axis=1)[:, 0] < 0
    # The shift keeps the floor, at height 0, on one side of a patch's wall.
    patch = np.floor((vertices.coord + 0.37 * _PATCH) / _PATCH).astype(np.int64)
    # Things by their number; floor, walls and ceiling, which have none, by their class below zero.
    owner = np.where(vertices.instance >= 0, vertices.instance, -1 - vertices.semantic)
    key = np.column_stack([owner, axis, sign, patch])
    _, first, inverse = np.unique(key, axis=0, return_index=True, return_inverse=True)
    segment = first[inverse.reshape(-1)]
    objects = []
    for number in np.unique(owner):
        mine = first[owner[first] == number]
        label = RoomClass(int(vertices.semantic[mine[0]]))
        objects.append(ScanObject(label=label, segments=tuple(sorted(mine.tolist()))))
    return ScanObjects(segment=segment, objects=tuple(objects))


def write_objects(folder: Path, scene: str, objects: ScanObjects) -> None:
    """Write ``<scene>.aggregation.json`` and the file of segments that it refers to."""
    segments = f"{scene}_vh_clean_2.0.010000.segs.json"
    (folder / segments).write_text(
        json.dumps({"params": {"patch": _PATCH}, "sceneId": scene, "segIndices": objects.segment.tolist()})
    )
    (folder / f"{scene}.aggregation.json").write_text(
        json.dumps(
            {
                "sceneId": f"scannet.{scene}",
                "appId": "Ponder synthetic rooms",
                "segGroups": _groups(objects.objects),
                "segmentsFile": f"scannet.{segments}",
            }
        )
    )


def _groups(objects: Sequence[ScanObject]) -> list[dict[str, object]]:
    return [
        {
            "id": number,
            "objectId": number,
            "segments": list(item.segments),
            "label": scannet_category(item.label).name,
        }
        for number, item in enumerate(objects)
    ]
