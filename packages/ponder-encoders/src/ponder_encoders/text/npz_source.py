"""Class tables in files: what a user made elsewhere, and what the cache keeps."""

import difflib
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field

from ponder_encoders.text.class_table import ClassTable
from ponder_encoders.text.file_hash import file_hash


class NpzConfig(BaseModel):
    """Read embeddings from a file with arrays ``names`` (strings) and ``embeddings`` (classes, channels)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["npz"] = "npz"
    path: Path = Field(description="the .npz file; further names in it are left out")


def write_npz(table: ClassTable, path: Path) -> None:
    """Write a table to a file that :func:`read_npz` reads."""
    with path.open("wb") as file:
        np.savez(file, names=np.array(table.names, dtype=np.str_), embeddings=table.embeddings.numpy())


def read_npz(path: Path, names: Sequence[str] | None = None) -> ClassTable:
    """Read the embeddings of classes; vectors of any length are brought to unit length.

    Args:
        path: the file.
        names: the classes wanted, in the order of their labels; all of the file where not given.

    Raises:
        ValueError: there is no such file, it lacks an array, an array is of the wrong kind or shape, a vector is
            zero or not finite, or wanted classes are missing (each is listed with the nearest present ones).
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path} with embeddings of classes")
    present, vectors = read_arrays(path)
    wanted = present if names is None else tuple(names)
    row = {name: index for index, name in enumerate(present)}
    if missing := [name for name in wanted if name not in row]:
        raise ValueError(
            f"{path} lacks {len(missing)} of {len(wanted)} classes: "
            + "; ".join(f"{name!r} (nearest: {_nearest(name, present)})" for name in missing)
        )
    chosen = torch.from_numpy(vectors[[row[name] for name in wanted]])
    return ClassTable(
        names=wanted, embeddings=F.normalize(chosen, dim=1), source=f"{path.name} sha256:{file_hash(path)}"
    )


def read_arrays(path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """The names and vectors (float32, as they are) of a file.

    Raises:
        ValueError: it cannot be read, lacks an array, or an array is of the wrong kind or shape.
    """
    names, vectors = _unpack(path)
    if names.ndim != 1 or names.dtype.kind != "U":
        raise ValueError(
            f"'names' of {path} must be a row of strings, np.array(names, dtype=str), "
            f"not {names.dtype} of shape {names.shape}"
        )
    if vectors.dtype.kind != "f" or vectors.ndim != 2 or vectors.shape[0] != len(names):
        raise ValueError(
            f"'embeddings' of {path} must be floating point numbers with one row for each of the {len(names)} "
            f"names, not {vectors.dtype} of shape {vectors.shape}"
        )
    return tuple(names.tolist()), vectors.astype(np.float32)


def _unpack(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            found = list(getattr(archive, "files", []))
            if {"names", "embeddings"} <= set(found):
                return archive["names"], archive["embeddings"]
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is no .npz file that can be read without unpickling: {error}") from error
    raise ValueError(f"{path} must hold arrays 'names' and 'embeddings', but holds {found}")


def _nearest(name: str, present: Sequence[str]) -> str:
    by_lower = {other.lower(): other for other in present}
    close = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)
    return ", ".join(repr(by_lower[other]) for other in close) or "none"
