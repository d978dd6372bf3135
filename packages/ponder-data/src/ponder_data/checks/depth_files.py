"""Depth pictures whose numbers are in another unit than their layout says."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ponder_data.checks.finding import Finding
from ponder_data.datasets.rgbd_folder import MISSING_DEPTH, PICTURE_ERRORS

PLAUSIBLE = (0.05, 60.0)
"""Metres: where a median depth lies, from a desk to a street."""

_PATTERNS = ("*.depth.png", "depth/*.png")
_UNITS, _TUM_UNITS = 1000.0, 5000.0
_TUM_MARK = "groundtruth.txt"
_STRIDE = 4
"""Every n-th pixel of every n-th row is enough for a median."""


def check_depth_files(root: Path) -> Iterator[Finding]:
    """Yield a finding for each 16-bit depth picture in ``root`` whose median is no distance that rooms have.

    The unit is a millimetre, in sequences of the TUM benchmark (told by their ``groundtruth.txt``) a fifth of one.
    Depth in metres, a thousand times too small, is what is found most.
    """
    for file in sorted({file for pattern in _PATTERNS for file in root.rglob(pattern)}):
        median = _median(file)
        if median is None:
            continue
        tum = any((folder / _TUM_MARK).is_file() for folder in (file.parent, file.parent.parent))
        units = _TUM_UNITS if tum else _UNITS
        metres = median / units
        if not PLAUSIBLE[0] <= metres <= PLAUSIBLE[1]:
            yield Finding(
                check="depth_scale",
                severity="error",
                file=file,
                message=f"half of its depths are beyond {metres:.4g} m at {units:g} units per metre; it is probably in "
                f"{'metres' if metres < PLAUSIBLE[0] else 'a smaller unit'}: write it in millimetres, or set "
                "depth_scale",
            )


def _median(file: Path) -> float | None:
    """Return the median of what was measured; None where nothing was, or the picture is not of depth."""
    try:
        with Image.open(file) as image:
            if not image.mode.startswith("I"):
                return None
            values = np.asarray(image)[::_STRIDE, ::_STRIDE]
    except PICTURE_ERRORS:
        return None  # check_whole_files tells
    measured = values[~np.isin(values, MISSING_DEPTH)]
    return float(np.median(measured)) if measured.size else None
