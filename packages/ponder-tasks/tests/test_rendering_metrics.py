import math

import pytest
import torch
from ponder_tasks.metrics.rendering import RenderingAccumulator, angle_between, measure_view, psnr
from torch import Tensor


def flat(value: float, height: int = 4, width: int = 6) -> Tensor:
    return torch.full((height, width), value)


def test_psnr_of_a_constant_offset() -> None:
    truth = torch.full((4, 6, 3), 0.5)
    # An error of 0.1 everywhere is a mean squared error of 0.01: 20 dB.
    assert psnr(truth + 0.1, truth) == pytest.approx(20.0, abs=1e-4)
    assert psnr(truth, truth) == pytest.approx(100.0)


def test_mean_colour_of_a_half_black_half_white_view() -> None:
    real = torch.zeros(4, 6, 3)
    real[:, 3:] = 1.0
    view = measure_view(
        rendered_color=real * 0.8 + 0.1, real_color=real, rendered_depth=flat(1.0), real_depth=flat(1.0)
    )
    assert view.psnr == pytest.approx(20.0, abs=1e-4)
    assert view.psnr_of_mean_color == pytest.approx(10 * math.log10(4), abs=1e-6)


def test_depth_counts_only_pixels_with_truth() -> None:
    real = torch.tensor([[1.0, 3.0, 0.0, math.nan, math.inf]])
    rendered = torch.tensor([[1.5, 3.0, 9.0, 9.0, 9.0]])
    view = measure_view(
        rendered_color=torch.zeros(1, 5, 3),
        real_color=torch.zeros(1, 5, 3),
        rendered_depth=rendered,
        real_depth=real,
    )
    assert view.depth_pixels == 2
    assert view.depth_error == pytest.approx(0.5)
    assert view.depth_error_of_mean == pytest.approx(2.0)


def test_views_are_averaged_for_psnr_and_pixels_for_depth() -> None:
    accumulator = RenderingAccumulator()
    for width, offset in ((1, 0.1), (3, 0.01)):
        truth = torch.full((1, width, 3), 0.5)
        depth = torch.arange(1.0, width + 1)[None]
        accumulator.add(
            rendered_color=truth + offset,
            real_color=truth,
            rendered_depth=depth + offset,
            real_depth=depth,
        )
    metrics = accumulator.metrics()
    assert metrics.views == 2
    assert metrics.psnr == pytest.approx((20 + 40) / 2, abs=1e-3)
    assert metrics.depth_error == pytest.approx((0.1 + 3 * 0.01) / 4, rel=1e-4)
    # Mean depth: exact for the view of one pixel, and 1, 0, 1 off for depths 1, 2, 3.
    assert metrics.depth_error_of_mean == pytest.approx(2 / 4)
    assert metrics.depth_error_ratio == pytest.approx(0.0325 / 0.5, rel=1e-4)
    assert metrics.psnr_gain == pytest.approx(metrics.psnr - 100.0)


def test_guessing_the_mean_gives_gain_zero_and_ratio_one() -> None:
    generator = torch.Generator().manual_seed(0)
    color = torch.rand(5, 7, 3, generator=generator)
    depth = 1.0 + torch.rand(5, 7, generator=generator)
    accumulator = RenderingAccumulator()
    accumulator.add(
        rendered_color=color.mean(dim=(0, 1)).expand(5, 7, 3),
        real_color=color,
        rendered_depth=depth.mean().expand(5, 7),
        real_depth=depth,
    )
    metrics = accumulator.metrics()
    assert metrics.psnr_gain == pytest.approx(0.0, abs=1e-4)
    assert metrics.depth_error_ratio == pytest.approx(1.0, rel=1e-5)


def test_angles() -> None:
    x, diagonal = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([5.0, 5.0, 0.0])
    assert float(angle_between(x, diagonal)) == pytest.approx(45.0)
    assert float(angle_between(x, -2 * x)) == pytest.approx(180.0)
    assert float(angle_between(x, torch.tensor([1.0, 1e-6, 0.0]))) == pytest.approx(
        math.degrees(1e-6), rel=1e-4
    )
    assert float(angle_between(x, torch.zeros(3))) == 90.0


def test_normals_are_measured_where_known() -> None:
    real = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    rendered = torch.tensor([[0.0, 0.0, 0.3], [1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    accumulator = RenderingAccumulator()
    view = accumulator.add(
        rendered_color=torch.zeros(3, 3),
        real_color=torch.zeros(3, 3),
        rendered_depth=torch.ones(3),
        real_depth=torch.ones(3),
        rendered_normal=rendered,
        real_normal=real,
    )
    assert view.normal_pixels == 2
    assert view.normal_error == pytest.approx(90.0)
    assert {m.name: m.value for m in accumulator.metrics().measurements()}["normal_error"] == pytest.approx(
        45.0
    )


def test_figures_without_truth_are_left_out() -> None:
    accumulator = RenderingAccumulator()
    accumulator.add(
        rendered_color=torch.zeros(2, 3),
        real_color=torch.ones(2, 3),
        rendered_depth=torch.ones(2),
        real_depth=torch.zeros(2),
    )
    metrics = accumulator.metrics()
    assert math.isnan(metrics.depth_error)
    assert [m.name for m in metrics.measurements()] == ["psnr", "psnr_of_mean_color", "psnr_gain"]
    assert metrics.psnr == 0.0


def test_mistakes_are_told() -> None:
    with pytest.raises(ValueError, match="no view was rendered"):
        RenderingAccumulator().metrics()
    ones = torch.ones(2, 3)
    with pytest.raises(ValueError, match="rendered depth has 1 values that are NaN or infinite"):
        measure_view(
            rendered_color=ones,
            real_color=ones,
            rendered_depth=torch.tensor([1.0, math.nan]),
            real_depth=torch.ones(2),
        )
    with pytest.raises(ValueError, match="0 pixels"):
        measure_view(
            rendered_color=ones[:0],
            real_color=ones[:0],
            rendered_depth=torch.ones(0),
            real_depth=torch.ones(0),
        )
