"""Files that are empty, cut off or damaged, told by each file alone."""

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ponder_data.checks.finding import Finding
from ponder_data.datasets.rgbd_folder import PICTURE_ERRORS, picture_size

_LABEL_ENDING, _SWEEP_ENDING = "_lidarseg.bin", ".pcd.bin"
_SWEEP_ROW = 20
"""Bytes of one point of a sweep: five float32."""


def check_whole_files(root: Path) -> Iterator[Finding]:
    """Yield a finding for each picture, array, table or sweep in ``root`` that is not whole.

    Only what can be told without a reader is looked at: pictures (their end, or all of them where it is missing),
    NumPy files (the size that their header announces, the checksums of archives), JSON, and LiDAR sweeps with their
    labels (sizes that fit). PLY and other formats are left to their readers.
    """
    for file in sorted(path for path in root.rglob("*") if path.is_file() and not path.name.startswith(".")):
        test = _test_for(file)
        if test is None:
            continue
        fault = "is empty" if file.stat().st_size == 0 else test(file)
        if fault:
            yield Finding(
                check="unreadable",
                severity="error",
                file=file,
                message=f"{fault}; copy or unpack it again",
            )


def _test_for(file: Path) -> Callable[[Path], str] | None:
    """Return what tells whether a file of that name is whole: a function that returns the fault, or nothing."""
    if file.name.endswith(_SWEEP_ENDING):
        return _sweep_fault
    if file.name.endswith(_LABEL_ENDING):
        return _label_fault
    tests = {
        ".jpg": _picture_fault,
        ".jpeg": _picture_fault,
        ".png": _picture_fault,
        ".npy": _array_fault,
        ".npz": _archive_fault,
        ".json": _json_fault,
    }
    return tests.get(file.suffix.lower())


def _picture_fault(file: Path) -> str:
    try:
        picture_size(file)
    except PICTURE_ERRORS as error:
        return f"is no whole picture ({error})"
    return ""


def _array_fault(file: Path) -> str:
    try:
        np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        return f"is no whole array ({error})"
    return ""


def _archive_fault(file: Path) -> str:
    try:
        with zipfile.ZipFile(file) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, ValueError) as error:
        return f"is no whole archive ({error})"
    return "" if broken is None else f"its array {broken!r} is damaged"


def _json_fault(file: Path) -> str:
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        return f"is not JSON, perhaps cut off ({error})"
    return ""


def _sweep_fault(file: Path) -> str:
    size = file.stat().st_size
    return f"has {size} bytes, not a multiple of {_SWEEP_ROW}: it is cut off" if size % _SWEEP_ROW else ""


def _label_fault(file: Path) -> str:
    sweep = file.with_name(file.name.removesuffix(_LABEL_ENDING) + _SWEEP_ENDING)
    if not sweep.is_file() or sweep.stat().st_size % _SWEEP_ROW:
        return ""
    labels, points = file.stat().st_size, sweep.stat().st_size // _SWEEP_ROW
    return f"has {labels} labels for the {points} points of {sweep.name}" if labels != points else ""
