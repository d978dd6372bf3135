"""Pose files: text files that hold one 4x4 camera-to-world matrix each."""

from collections.abc import Iterator
from pathlib import Path

from ponder_data.checks.finding import Finding
from ponder_data.datasets.rgbd_folder import read_pose

_PATTERNS = ("*.pose.txt", "pose/*.txt")
"""Names in folders of RGB-D frames, and as ScanNet's own program exports them."""


def check_pose_files(root: Path) -> Iterator[Finding]:
    """Yield a finding for each pose file in ``root`` that cannot be read or holds no rigid motion.

    Readers leave such frames out. A pose of NaN or infinity, by which recorders say that they lost their way, is a
    warning; anything else is an error, since someone meant it.
    """
    for file in sorted({file for pattern in _PATTERNS for file in root.rglob(pattern)}):
        try:
            read_pose(file)
        except ValueError as error:
            said = str(error)
            lost = "NaN or infinity" in said
            yield Finding(
                check="pose",
                severity="warning" if lost else "error",
                file=file,
                message=f"{said.removeprefix(f'{file}: ')}; "
                + ("the frame is left out" if lost else "repair it, or delete the frame"),
            )
