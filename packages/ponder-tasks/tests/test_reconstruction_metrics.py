"""Distances between surfaces against slow loops and closed forms; what happens where nothing was found."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_tasks.metrics.reconstruction import (
    SurfaceMetrics,
    mean_reconstruction,
    surface_metrics,
    volumetric_iou,
)

NOTHING = np.zeros((0, 3))


def sphere(radius: float, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points drawn evenly from a sphere about the origin, and its normals."""
    normal = np.random.default_rng(seed).normal(size=(count, 3))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return radius * normal, normal


def lattice(height: float, side: int = 21) -> tuple[np.ndarray, np.ndarray]:
    """Return a square lattice of points in the plane z = height, and its normals."""
    x, y = np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side))
    point = np.stack([x.ravel(), y.ravel(), np.full(x.size, height)], axis=1)
    return point, np.tile([0.0, 0.0, 1.0], (len(point), 1))


def compare(
    found: tuple[np.ndarray, np.ndarray], true: tuple[np.ndarray, np.ndarray], threshold: float = 0.01
) -> SurfaceMetrics:
    return surface_metrics(*found, *true, threshold=threshold, missing_distance=math.sqrt(3))


def slow(
    found: tuple[np.ndarray, np.ndarray], true: tuple[np.ndarray, np.ndarray], threshold: float
) -> tuple[float, float, float]:
    """Chamfer-L1, F-score and normal consistency, pair by pair."""
    lengths, shares, cosines = [], [], []
    for (here, normal), (there, other) in ((found, true), (true, found)):
        nearest = [min(range(len(there)), key=lambda j, p=p: math.dist(p, there[j])) for p in here]
        distance = [math.dist(here[i], there[j]) for i, j in enumerate(nearest)]
        lengths.append(sum(distance) / len(distance))
        shares.append(sum(d < threshold for d in distance) / len(distance))
        cosines.append(sum(abs(float(normal[i] @ other[j])) for i, j in enumerate(nearest)) / len(nearest))
    f_score = 2 * shares[0] * shares[1] / (shares[0] + shares[1]) if sum(shares) else 0.0
    return sum(lengths) / 2, f_score, sum(cosines) / 2


@given(
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(0, 2**31),
    st.floats(0.05, 1.0),
)
@settings(max_examples=40, deadline=None)
def test_every_figure_is_that_of_the_slow_loop(found: int, true: int, seed: int, threshold: float) -> None:
    first, second = sphere(1.0, found, seed), sphere(0.8, true, seed + 1)
    got = compare(first, second, threshold)
    np.testing.assert_allclose(
        (got.chamfer_l1, got.f_score, got.normal_consistency), slow(first, second, threshold), atol=1e-12
    )


def test_shifted_planes_are_as_far_apart_as_the_shift() -> None:
    got = compare(lattice(0.25), lattice(0.0), threshold=0.3)
    assert got.accuracy == got.completeness == got.chamfer_l1 == 0.25
    assert (got.precision, got.recall, got.f_score, got.normal_consistency) == (1.0, 1.0, 1.0, 1.0)
    assert compare(lattice(0.25), lattice(0.0), threshold=0.25).f_score == 0.0  # below, not at


def test_concentric_spheres_are_as_far_apart_as_their_radii() -> None:
    got = compare(sphere(1.1, 40_000, 0), sphere(1.0, 40_000, 1), threshold=0.12)
    # Random points are about 0.5 / sqrt(density) = 0.009 beside each other, which adds 0.009^2 / 0.2.
    assert got.chamfer_l1 == pytest.approx(0.1, abs=1e-3)
    assert got.f_score > 0.999
    assert got.normal_consistency == pytest.approx(1.0, abs=1e-3)


def test_half_a_surface_has_full_precision_and_half_the_recall() -> None:
    point, normal = lattice(0.0, side=20)
    half = point[:, 0] < 0.5
    got = compare((point[half], normal[half]), (point, normal))
    assert (got.precision, got.recall) == (1.0, 0.5)
    assert got.f_score == pytest.approx(2 / 3)
    assert got.accuracy == 0.0
    columns = np.unique(point[:, 0])
    beyond = [column - columns[9] for column in columns[10:]]
    assert got.completeness == pytest.approx(sum(beyond) / 20)


def test_the_sign_of_normals_does_not_count_but_their_direction_does() -> None:
    point, normal = lattice(0.0)
    assert compare((point, -normal), (point, normal)).normal_consistency == 1.0
    across = np.tile([1.0, 0.0, 0.0], (len(point), 1))
    assert compare((point, across), (point, normal)).normal_consistency == 0.0
    slanted = np.tile([math.sin(1.0), 0.0, math.cos(1.0)], (len(point), 1))
    assert compare((point, slanted), (point, normal)).normal_consistency == pytest.approx(math.cos(1.0))


def test_nothing_found_is_as_far_as_the_caller_says_and_never_right() -> None:
    got = compare((NOTHING, NOTHING), lattice(0.0))
    assert got.accuracy == got.completeness == got.chamfer_l1 == math.sqrt(3)
    assert (got.precision, got.recall, got.f_score, got.normal_consistency) == (0.0, 0.0, 0.0, 0.0)


def test_what_cannot_be_measured_is_said() -> None:
    with pytest.raises(ValueError, match="the true surface has no point"):
        compare(lattice(0.0), (NOTHING, NOTHING))
    with pytest.raises(ValueError, match=r"threshold of the F-score is 0\.0"):
        compare(lattice(0.0), lattice(0.0), threshold=0.0)
    point, normal = lattice(0.0)
    point[3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        compare((point, normal), lattice(0.0))
    with pytest.raises(ValueError, match="no point of space"):
        volumetric_iou(np.zeros(0, dtype=bool), np.zeros(0, dtype=bool))
    with pytest.raises(ValueError, match="no shape"):
        mean_reconstruction([], [], 0)


def test_the_iou_of_two_balls_is_that_of_their_volumes() -> None:
    point = np.random.default_rng(0).uniform(-1, 1, size=(400_000, 3))
    distance = np.linalg.norm(point, axis=1)
    found = volumetric_iou(distance < 0.6, distance < 0.9)
    assert found == pytest.approx((0.6 / 0.9) ** 3, abs=3e-3)
    assert volumetric_iou(distance < 0.6, distance < 0.6) == 1.0


def test_the_iou_of_empty_solids_is_defined() -> None:
    none, all_of_it = np.zeros(5, dtype=bool), np.ones(5, dtype=bool)
    assert volumetric_iou(none, none) == 1.0
    assert volumetric_iou(none, all_of_it) == volumetric_iou(all_of_it, none) == 0.0


def test_means_over_shapes_count_the_empty_ones() -> None:
    right, nothing = compare(lattice(0.0), lattice(0.0)), compare((NOTHING, NOTHING), lattice(0.0))
    mean = mean_reconstruction([right, nothing], [0.8, 0.0], empty=1)
    assert mean.chamfer_l1 == pytest.approx(math.sqrt(3) / 2)
    assert (mean.f_score, mean.normal_consistency, mean.volumetric_iou) == (0.5, 0.5, 0.4)
    assert (mean.threshold, mean.shapes, mean.empty) == (0.01, 2, 1)
    named = {m.name: (m.value, m.unit, m.better) for m in mean.measurements()}
    assert named["f_score"] == (50.0, "%", "higher")
    assert named["chamfer_l1"][2] == "lower"
    with pytest.raises(ValueError, match=r"thresholds \[0.01, 0.02\]"):
        mean_reconstruction([right, compare(lattice(0.0), lattice(0.0), 0.02)], [1.0, 1.0], 0)
