"""One scene in one file: a NumPy archive (``.npz``) of its arrays and a header in JSON.

Reading gives back what was written, bit for bit. The archive is not compressed, so that reading is copying; the
checksum of each array, which every ``.npz`` has, is checked on the way.
"""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from ponder_data.prepared.packing import Packed, pack, unpack
from ponder_data.scene import Boxes, Scene, View

FORMAT = 1
_HEADER = "header"
_VIEWS = ("views", "held_out_views")


def write_scene(file: BinaryIO, scene: Scene) -> None:
    """Write ``scene`` to an open file."""
    header, arrays = _encoded(scene)
    text = np.frombuffer(json.dumps(header).encode("utf-8"), dtype=np.uint8)
    np.savez(file, **{_HEADER: text}, **arrays)  # pyright: ignore[reportArgumentType]


def stored_bytes(scene: Scene) -> int:
    """Return about how many bytes the file of ``scene`` will have."""
    _, arrays = _encoded(scene)
    return sum(array.nbytes + 300 for array in arrays.values())


def read_scene(path: Path) -> Scene:
    """Read a scene back.

    Raises:
        ValueError: when the file is absent, damaged, or of another format.
    """
    try:
        # Opened here, because numpy leaves the file open where it is cut off.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            header = json.loads(archive[_HEADER].tobytes())
            if header["format"] != FORMAT:
                raise ValueError(f"its format is {header['format']}, this version reads {FORMAT}")
            tensors = {
                name: torch.from_numpy(unpack(Packed(values=archive[name], packing=packing, dtype=dtype)))
                for name, packing, dtype in header["arrays"]
            }
    # zipfile and numpy raise all kinds of errors on damaged files; the cause stays attached.
    except Exception as error:
        raise ValueError(
            f"{path}: cannot be read ({' '.join(str(error).split()) or type(error).__name__}); "
            "delete the file and prepare the cache again"
        ) from error
    return _decoded(header, tensors)


def _encoded(scene: Scene) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header and the packed arrays."""
    tensors = _tensors(scene, "")
    if scene.boxes is not None:
        tensors |= _tensors(scene.boxes, "boxes/")
    for kind in _VIEWS:
        for number, view in enumerate(getattr(scene, kind)):
            tensors |= _tensors(view, f"{kind}/{number}/")
    packed = {name: pack(tensor.detach().cpu().numpy()) for name, tensor in tensors.items()}
    header: dict[str, Any] = {
        "format": FORMAT,
        "name": scene.name,
        "dataset": scene.dataset,
        "class_names": scene.class_names,
        "arrays": [(name, array.packing, array.dtype) for name, array in packed.items()],
    }
    for kind in _VIEWS:
        header[kind] = [(view.name, view.source) for view in getattr(scene, kind)]
    return header, {name: array.values for name, array in packed.items()}


def _tensors(holder: Scene | View | Boxes, prefix: str) -> dict[str, Tensor]:
    """Return the tensors that a dataclass holds, by the names of its fields."""
    values = {field.name: getattr(holder, field.name) for field in fields(holder)}
    return {prefix + name: value for name, value in values.items() if isinstance(value, Tensor)}


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _decoded(header: dict[str, Any], tensors: dict[str, Tensor]) -> Scene:
    views = {
        kind: tuple(
            View(name=name, source=source, **_below(tensors, f"{kind}/{number}/"))  # pyright: ignore[reportArgumentType]
            for number, (name, source) in enumerate(header[kind])
        )
        for kind in _VIEWS
    }
    boxes = _below(tensors, "boxes/")
    points = {name: value for name, value in tensors.items() if "/" not in name}
    return Scene(
        name=header["name"],
        dataset=header["dataset"],
        class_names=tuple(header["class_names"]),
        boxes=Boxes(**boxes) if boxes else None,
        views=views["views"],
        held_out_views=views["held_out_views"],
        **points,  # pyright: ignore[reportArgumentType]
    )
