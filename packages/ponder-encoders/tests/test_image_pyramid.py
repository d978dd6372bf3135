"""Feature pyramids: against slow loops, at odd sizes, and with what only some levels know."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_encoders.image.pyramid import FeaturePyramid, FeaturePyramidConfig, normalise_pixels, upsample
from torch import Tensor

CHANNELS, STRIDES = (3, 4, 5), (4, 8, 32)


def make_pyramid(config: FeaturePyramidConfig | None = None) -> FeaturePyramid:
    config = config if config is not None else FeaturePyramidConfig(channels=6)
    return FeaturePyramid(CHANNELS, STRIDES, config, generator=torch.Generator().manual_seed(0))


def make_levels(height: int = 90, width: int = 70, cameras: int = 2) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    return tuple(
        torch.randn(1, cameras, channels, -(-height // stride), -(-width // stride), generator=generator)
        for channels, stride in zip(CHANNELS, STRIDES, strict=True)
    )


@settings(max_examples=20, deadline=None)
@given(
    factor=st.integers(1, 4),
    sides=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    wanted=st.tuples(st.integers(1, 12), st.integers(1, 12)),
)
def test_upsampling_takes_the_coarse_pixel_that_covers(
    factor: int, sides: tuple[int, int], wanted: tuple[int, int]
) -> None:
    coarse = torch.rand(1, 2, *sides)
    fine = upsample(coarse, factor, *wanted)
    assert fine.shape == (1, 2, *wanted)
    for row in range(wanted[0]):
        for column in range(wanted[1]):
            source = coarse[:, :, min(row // factor, sides[0] - 1), min(column // factor, sides[1] - 1)]
            assert torch.equal(fine[:, :, row, column], source)


def test_every_level_against_a_loop_over_cameras_and_levels() -> None:
    pyramid, levels = make_pyramid(), make_levels()
    found = pyramid(levels)
    assert [tuple(level.shape) for level in found] == [
        (1, 2, 6, 23, 18),
        (1, 2, 6, 12, 9),
        (1, 2, 6, 3, 3),
    ]
    for camera in range(2):
        above = None
        for index in (2, 1, 0):
            level = levels[index][:, camera]
            merged = pyramid.lateral[index](level)
            if above is not None:
                rows, columns = level.shape[2:]
                factor = STRIDES[index + 1] // STRIDES[index]
                merged = merged + torch.stack(
                    [
                        above[:, :, i // factor, torch.arange(columns) // factor]
                        for i in torch.arange(rows).tolist()
                    ],
                    dim=2,
                )
            above = merged
            torch.testing.assert_close(found[index][:, camera], pyramid.output[index](merged))


def test_the_finest_level_alone_is_the_same() -> None:
    pyramid, levels = make_pyramid(), make_levels()
    assert torch.equal(pyramid.finest(levels), pyramid(levels)[0])


def test_a_coarse_feature_reaches_the_pixels_it_covers_and_their_neighbours_only() -> None:
    pyramid, levels = make_pyramid(), make_levels(height=128, width=128)
    changed = levels[2].clone()
    changed[0, 0, :, 1, 2] += 1
    difference = (pyramid.finest((*levels[:2], changed)) - pyramid.finest(levels)).abs().sum(dim=2)
    # Stride 32 to stride 4: coarse pixel (1, 2) covers rows 8 to 15, columns 16 to 23; 3x3 reaches one further.
    assert (difference[0, 0, 7:17, 15:25] > 0).all()
    difference[0, 0, 7:17, 15:25] = 0
    assert difference.abs().max() < 1e-6


def test_normalised_pixels() -> None:
    level = torch.randn(2, 8, 3, 4) * 5 + 2
    found = normalise_pixels(level)
    expected = (level - level.mean(1, keepdim=True)) / (
        level.var(1, keepdim=True, correction=0) + 1e-5
    ).sqrt()
    torch.testing.assert_close(found, expected)
    pyramid, levels = make_pyramid(FeaturePyramidConfig(channels=6, normalise=True)), make_levels()
    louder, loudest = (tuple(level * scale + 300 for level in levels) for scale in (100, 1000))
    torch.testing.assert_close(pyramid.finest(louder), pyramid.finest(loudest), atol=1e-2, rtol=1e-3)


def test_gradients_reach_every_level_and_weight() -> None:
    pyramid = make_pyramid()
    levels = tuple(level.requires_grad_() for level in make_levels(40, 33, cameras=1))
    torch.stack([level.square().sum() for level in pyramid(levels)]).sum().backward()
    for tensor in (*levels, *pyramid.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.abs().sum() > 0


def test_levels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="multiple of the one before, not \\(4, 6\\)"):
        FeaturePyramid((3, 3), (4, 6))
    with pytest.raises(ValueError, match="every level has channels and a stride"):
        FeaturePyramid((3, 3), (4,))
    with pytest.raises(ValueError, match="reads 3 levels, but was given 2"):
        make_pyramid()(make_levels()[:2])


def test_the_weights_follow_the_generator() -> None:
    one, other = make_pyramid(), make_pyramid()
    for name, parameter in one.named_parameters():
        assert torch.equal(parameter, other.get_parameter(name))
    images = F.relu(one.lateral[0](torch.ones(1, 3, 4, 4)))
    assert images.abs().sum() > 0
