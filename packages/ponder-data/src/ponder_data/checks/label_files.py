"""Label files of LiDAR sweeps: raw ids that the label set does not have."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ponder_data.checks.finding import Finding
from ponder_data.nuscenes.classes import RAW_CATEGORIES


def check_label_files(root: Path) -> Iterator[Finding]:
    """Yield a finding for each ``*_lidarseg.bin`` in ``root`` that holds an id of no category."""
    for file in sorted(root.rglob("*_lidarseg.bin")):
        raw = np.fromfile(file, dtype=np.uint8)
        wrong = raw >= len(RAW_CATEGORIES)
        if wrong.any():
            yield Finding(
                check="class_ids",
                severity="error",
                file=file,
                message=f"{int(wrong.sum())} of {len(raw)} labels are no raw ids of nuScenes-lidarseg (0 to "
                f"{len(RAW_CATEGORIES) - 1}), among them {int(raw[wrong].max())}; unpack it again",
            )
