"""The measures of nuScenes' detection task, computed by the official devkit: mAP, five true-positive errors, NDS."""

import contextlib
import importlib.util
import io
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ponder_data.nuscenes.classes import NUSCENES_DETECTION_CLASSES

from ponder_tasks.listener import Measurement
from ponder_tasks.metrics.class_figures import ClassFigure, ClassFigures

CONFIGURATION = "detection_cvpr_2019"
"""The official configuration: ranges of 30 to 50 m by class, distances of 0.5, 1, 2 and 4 m."""

ERRORS = (
    ("trans_err", "mate", "m"),
    ("scale_err", "mase", ""),
    ("orient_err", "maoe", "rad"),
    ("vel_err", "mave", "m/s"),
    ("attr_err", "maae", ""),
)
"""The devkit's name of each true-positive error, ours, and its unit. Scale is 1 - IoU, attribute 1 - accuracy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NuScenesFigures:
    """What the devkit says.

    A class without a true box in range has an AP of 0 and errors of 1, as the devkit defines it, and both means are
    over all ten classes; ``counts`` tells which classes there are.

    Attributes:
        nds: nuScenes detection score, in [0, 1].
        mean_ap: mean over the classes and four distances, in [0, 1].
        errors: in the order of :data:`ERRORS`, means over the classes that can have each.
        ap: mean over the distances, of each class.
        counts: true boxes in range with a LiDAR or radar return, of each class.
    """

    nds: float
    mean_ap: float
    errors: tuple[float, ...]
    ap: tuple[float, ...]
    counts: tuple[int, ...]

    def measurements(self) -> tuple[Measurement, ...]:
        """Return NDS and mAP in percent, then the five errors, of which less is better."""
        named = [
            Measurement(name="nds", value=100.0 * self.nds, unit="%"),
            Measurement(name="map", value=100.0 * self.mean_ap, unit="%"),
        ]
        errors = [
            Measurement(name=name, value=value, unit=unit, better="lower")
            for (_, name, unit), value in zip(ERRORS, self.errors, strict=True)
        ]
        present = [ap for ap, count in zip(self.ap, self.counts, strict=True) if count]
        seen = sum(present) / len(present) if present else math.nan
        return (*named, Measurement(name="map_present", value=100.0 * seen, unit="%"), *errors)

    def per_class(self) -> ClassFigures:
        """Return the AP of each class; NaN for classes without a true box."""
        values = tuple(ap if count else math.nan for ap, count in zip(self.ap, self.counts, strict=True))
        return ClassFigures(
            class_names=NUSCENES_DETECTION_CLASSES,
            counted="boxes",
            counts=self.counts,
            figures=(ClassFigure(name="ap", label="AP", values=values),),
        )


def measure_nuscenes_detection(
    root: Path, version: str, samples: Sequence[str], results: Path
) -> NuScenesFigures:
    """Return what the official devkit says of the detections in the file ``results``.

    Args:
        root: folder of the tables' data set.
        version: folder of the tables in it.
        samples: tokens of the keyframes that are judged: those of a split, or fewer.
        results: the official results file; must hold all ``samples``.

    Raises:
        ImportError: naming the extra, where the devkit is not installed.
    """
    check_devkit()
    from nuscenes.eval.detection.config import config_factory
    from nuscenes.nuscenes import NuScenes as Devkit

    config = config_factory(CONFIGURATION)
    with tempfile.TemporaryDirectory(prefix="ponder-devkit-") as folder:
        judge = _judge(Devkit(version, str(root), verbose=False), config, results, list(samples), folder)
        metrics, _ = judge.evaluate()
    means = metrics.mean_dist_aps
    truth = [box.detection_name for box in judge.gt_boxes.all]
    return NuScenesFigures(
        nds=float(metrics.nd_score),
        mean_ap=float(metrics.mean_ap),
        errors=tuple(float(metrics.tp_errors[name]) for name, _, _ in ERRORS),
        ap=tuple(float(means[name]) for name in NUSCENES_DETECTION_CLASSES),
        counts=tuple(truth.count(name) for name in NUSCENES_DETECTION_CLASSES),
    )


def check_devkit() -> None:
    """Return if the official devkit is there.

    Raises:
        ImportError: naming the extra, where it is not.
    """
    if importlib.util.find_spec("nuscenes") is None:
        raise ImportError(
            "NDS and mAP are computed by nuScenes' devkit, which is not installed: pip install 'ponder-tasks[nuscenes]'"
        )


def _judge(devkit: Any, config: Any, results: Path, samples: list[str], folder: str) -> Any:
    """Return the devkit's own evaluation, in all its parts, on chosen samples instead of a whole split."""
    from nuscenes.eval.common.loaders import (
        add_center_dist,
        filter_eval_boxes,
        load_gt_of_sample_tokens,
        load_prediction_of_sample_tokens,
    )
    from nuscenes.eval.detection.data_classes import DetectionBox
    from nuscenes.eval.detection.evaluate import DetectionEval

    judge = DetectionEval.__new__(DetectionEval)
    judge.nusc, judge.cfg, judge.verbose = devkit, config, False
    judge.result_path, judge.output_dir = str(results), folder
    with contextlib.redirect_stderr(io.StringIO()):  # it draws a progress bar, asked or not
        truth = load_gt_of_sample_tokens(devkit, samples, DetectionBox)
    found, judge.meta = load_prediction_of_sample_tokens(
        str(results), config.max_boxes_per_sample, DetectionBox, sample_tokens=samples
    )
    judge.gt_boxes, judge.pred_boxes = (
        filter_eval_boxes(devkit, add_center_dist(devkit, boxes), config.class_range)
        for boxes in (truth, found)
    )
    judge.sample_tokens = judge.gt_boxes.sample_tokens
    return judge
