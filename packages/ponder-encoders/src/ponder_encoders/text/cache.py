"""Tables already computed, kept in files named by a hash of everything that they depend on."""

import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ponder_encoders.text.class_table import ClassTable, TextSource, average_prompts
from ponder_encoders.text.npz_source import read_arrays, write_npz

_FORMAT = 1
"""Counted up when the same inputs give other numbers or another file."""


def cache_folder() -> Path:
    """``$PONDER_CACHE``, or ``ponder`` in ``$XDG_CACHE_HOME``, or ``~/.cache/ponder``."""
    if chosen := os.environ.get("PONDER_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "ponder"


def table_hash(names: Sequence[str], templates: Sequence[str], identity: str) -> str:
    """SHA-256 of what a table depends on. The order of names is no part of it: it only orders the rows."""
    content = {"format": _FORMAT, "source": identity, "names": sorted(names), "templates": list(templates)}
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCache:
    """Class tables in a folder, one file each.

    Files are written beside their place and then moved there, so that a reader meets none that is half
    written. A file that cannot be read is made again, with a warning.

    Attributes:
        folder: where the files lie; made when it is first written to.
    """

    folder: Path

    def table(self, names: Sequence[str], templates: Sequence[str], source: TextSource) -> ClassTable:
        """The table of these classes: from its file where there is one, which leaves the source unused.

        Raises:
            ValueError: as :func:`average_prompts`.
        """
        path = self.folder / f"{table_hash(names, templates, source.identity)}.npz"
        stored = self._read(path, source.identity)
        if stored is None:
            stored = compute_table(sorted(names), templates, source)
            self._write(stored, path)
        return reordered(stored, names)

    def _read(self, path: Path, identity: str) -> ClassTable | None:
        if not path.exists():
            return None
        try:
            names, vectors = read_arrays(path)
            return ClassTable(names=names, embeddings=torch.from_numpy(vectors), source=identity)
        except ValueError as error:
            warnings.warn(f"the cached class table {path} is damaged and made again: {error}", stacklevel=4)
            return None

    def _write(self, table: ClassTable, path: Path) -> None:
        temporary = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
            os.close(descriptor)
            temporary = Path(name)
            write_npz(table, temporary)
            temporary.replace(path)
        except OSError as error:
            if temporary is not None:
                temporary.unlink(missing_ok=True)
            warnings.warn(f"the class table could not be cached: {error}", stacklevel=4)


def compute_table(names: Sequence[str], templates: Sequence[str], source: TextSource) -> ClassTable:
    """The table of these classes, computed."""
    embeddings = average_prompts(names, templates, source)
    return ClassTable(names=tuple(names), embeddings=embeddings, source=source.identity)


def reordered(table: ClassTable, names: Sequence[str]) -> ClassTable:
    """The same classes in another order."""
    row = {name: index for index, name in enumerate(table.names)}
    rows = torch.tensor([row[name] for name in names])
    return ClassTable(
        names=tuple(names), embeddings=table.embeddings.index_select(0, rows), source=table.source
    )
