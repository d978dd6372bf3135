"""What a scan file holds, as its format's reader found it."""

from dataclasses import dataclass

import numpy as np

from ponder_data.labels.label_set import LabelSet


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanArrays:
    """Arrays with one row per point, unchecked; None where the file holds no such thing.

    Attributes:
        coord: in the units and axes of the file.
        color: in [0, 1] or 0 to 255.
        normal: of any length.
        semantic: ids of ``label_set``'s files where there is one, otherwise classes.
        instance: ids.
        intensity: of the returns of a laser, in any range.
        label_set: what the ids of ``semantic`` mean, where the format or the file says it.
        class_names: of the classes in ``semantic``, where the file names them itself.
    """

    coord: np.ndarray
    color: np.ndarray | None = None
    normal: np.ndarray | None = None
    semantic: np.ndarray | None = None
    instance: np.ndarray | None = None
    intensity: np.ndarray | None = None
    label_set: LabelSet | None = None
    class_names: tuple[str, ...] = ()
