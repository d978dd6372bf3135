"""How near a found surface or solid is to the true one: Chamfer-L1, F-score, normal consistency, volumetric IoU.

Surfaces are compared by points spread evenly over them (Mescheder et al. 2019, Tatarchenko et al. 2019), solids by the
same random points of space asked of both:

- accuracy is the mean distance from points of the found surface to the nearest point of the true one, completeness
  the same the other way, and Chamfer-L1 the mean of the two (distances themselves, not their squares);
- precision and recall are the shares of these distances that are below a threshold, the F-score their harmonic mean;
- normal consistency is the mean absolute cosine between the normals of nearest points, averaged over both ways;
- volumetric IoU is the number of points inside both solids over that of points inside either.

Since the surfaces are known by points only, two samples of one surface are about half the points' spacing apart, and
no distance comes out smaller than that.

What is not there is defined, too: a found surface without any point has the distance that the caller gives (the
largest that counts), F-score 0 and normal consistency 0. Two solids that hold no point agree: IoU 1. Without a true
surface, or without points of space, there is nothing to measure, and asking is a ``ValueError``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

from ponder_tasks.listener import Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceMetrics:
    """How near a found surface is to the true one; lengths are in the unit of the points.

    Attributes:
        accuracy: mean distance of the found surface from the true one.
        completeness: mean distance of the true surface from the found one.
        chamfer_l1: the mean of the two.
        precision: share of the found surface closer than ``threshold``.
        recall: share of the true surface closer than ``threshold``.
        f_score: harmonic mean of the two, in [0, 1].
        threshold: of the F-score.
        normal_consistency: mean absolute cosine between normals of nearest points, in [0, 1].
    """

    accuracy: float
    completeness: float
    chamfer_l1: float
    precision: float
    recall: float
    f_score: float
    threshold: float
    normal_consistency: float


def surface_metrics(
    found: Float[np.ndarray, "found 3"],
    found_normal: Float[np.ndarray, "found 3"],
    true: Float[np.ndarray, "true 3"],
    true_normal: Float[np.ndarray, "true 3"],
    *,
    threshold: float,
    missing_distance: float,
) -> SurfaceMetrics:
    """Compare points spread evenly over a found and a true surface.

    Args:
        found: points of the found surface; none where nothing was found.
        found_normal: their unit normals, of either sign.
        true: points of the true surface.
        true_normal: their unit normals, of either sign.
        threshold: closer than this counts as right.
        missing_distance: accuracy and completeness of a found surface that has no point.

    Raises:
        ValueError: when the true surface has no point, a coordinate is not finite, or the threshold is not positive.
    """
    if not len(true):
        raise ValueError("the true surface has no point, so there is nothing to compare with")
    if not (np.isfinite(found).all() and np.isfinite(true).all()):
        raise ValueError("a point of the surfaces is NaN or infinite; leave such points out")
    if not threshold > 0:
        raise ValueError(f"the threshold of the F-score is {threshold}; it must be above 0")
    if not len(found):
        return SurfaceMetrics(
            accuracy=missing_distance,
            completeness=missing_distance,
            chamfer_l1=missing_distance,
            precision=0.0,
            recall=0.0,
            f_score=0.0,
            threshold=threshold,
            normal_consistency=0.0,
        )
    to_true, there = KDTree(true).query(found)
    to_found, here = KDTree(found).query(true)
    accuracy, completeness = float(to_true.mean()), float(to_found.mean())
    precision, recall = float((to_true < threshold).mean()), float((to_found < threshold).mean())
    along = _alignment(found_normal, true_normal[there]) + _alignment(true_normal, found_normal[here])
    return SurfaceMetrics(
        accuracy=accuracy,
        completeness=completeness,
        chamfer_l1=0.5 * (accuracy + completeness),
        precision=precision,
        recall=recall,
        f_score=2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        threshold=threshold,
        normal_consistency=0.5 * along,
    )


def _alignment(first: Float[np.ndarray, "points 3"], second: Float[np.ndarray, "points 3"]) -> float:
    """Return the mean absolute cosine between pairs of unit vectors."""
    return float(np.abs((first * second).sum(axis=1)).mean())


def volumetric_iou(found: Bool[np.ndarray, " points"], true: Bool[np.ndarray, " points"]) -> float:
    """Return the intersection over union of two solids, from whether each of the same points lies inside them.

    Raises:
        ValueError: when there is no point.
    """
    if not len(true):
        raise ValueError("no point of space was asked about, so there is no volume to compare")
    either = int((found | true).sum())
    return int((found & true).sum()) / either if either else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconstructionMetrics:
    """Means over shapes, each as in :class:`SurfaceMetrics`; lengths in sides of the unit cube.

    Attributes:
        chamfer_l1, f_score, normal_consistency, volumetric_iou: the means.
        threshold: of the F-score.
        shapes: how many were measured.
        empty: how many of them came out without any surface.
    """

    chamfer_l1: float
    f_score: float
    normal_consistency: float
    volumetric_iou: float
    threshold: float
    shapes: int
    empty: int

    def measurements(self) -> tuple[Measurement, ...]:
        """Return the four means, and how many shapes came out empty."""
        return (
            Measurement(name="chamfer_l1", value=self.chamfer_l1, better="lower"),
            Measurement(name="f_score", value=100.0 * self.f_score, unit="%"),
            Measurement(name="normal_consistency", value=self.normal_consistency),
            Measurement(name="volumetric_iou", value=100.0 * self.volumetric_iou, unit="%"),
            Measurement(name="empty_shapes", value=float(self.empty), better="lower"),
        )


def mean_reconstruction(
    surfaces: Sequence[SurfaceMetrics], ious: Sequence[float], empty: int
) -> ReconstructionMetrics:
    """Return the means over shapes.

    Args:
        surfaces: of each shape.
        ious: of each shape, in the same order.
        empty: how many of them have no surface.

    Raises:
        ValueError: when there is no shape, or the shapes were measured with different thresholds.
    """
    if not surfaces:
        raise ValueError("no shape was reconstructed, so there is nothing to measure")
    thresholds = sorted({surface.threshold for surface in surfaces})
    if len(thresholds) > 1:
        raise ValueError(f"F-scores at thresholds {thresholds} have no common mean; measure all at one")
    return ReconstructionMetrics(
        chamfer_l1=float(np.mean([surface.chamfer_l1 for surface in surfaces])),
        f_score=float(np.mean([surface.f_score for surface in surfaces])),
        normal_consistency=float(np.mean([surface.normal_consistency for surface in surfaces])),
        volumetric_iou=float(np.mean(ious)),
        threshold=thresholds[0],
        shapes=len(surfaces),
        empty=empty,
    )
