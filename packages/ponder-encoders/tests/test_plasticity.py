"""Kernels brought back to size: the same features, and kernels as large as new ones."""

import copy
import math
from collections.abc import Callable

import pytest
import torch
from ponder_encoders import PointBatch, SparseUNet, SparseUNetConfig, restore_plasticity
from ponder_encoders.norms import PointBatchNorm
from ponder_encoders.plasticity import normalised_convolutions

CONFIG = SparseUNetConfig(
    in_channels=4, base_channels=8, channels=(8, 12, 12, 10), layers=(1, 2, 1, 1), backend="torch"
)


def trained_unet(renormalise: bool = False) -> SparseUNet:
    """A network whose kernels have grown, each by another factor, with statistics to match."""
    config = CONFIG.model_copy(update={"renormalise": renormalise})
    unet = SparseUNet(config, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        for number, (convolution, norm) in enumerate(normalised_convolutions(unet)):
            factor = 2.0 + number
            convolution.weight.mul_(factor)
            assert isinstance(norm, PointBatchNorm)
            assert norm.running_var is not None
            norm.running_var.mul_(factor**2)
            norm.eps = 1e-12  # the constant is the one thing that does not scale
    return unet


def doubled(batch: PointBatch) -> PointBatch:
    return PointBatch(grid_coord=batch.grid_coord, features=batch.features.double(), offsets=batch.offsets)


@pytest.mark.parametrize("renormalise", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_features_stay(make_batch: Callable[..., PointBatch], training: bool, renormalise: bool) -> None:
    before, batch = trained_unet(renormalise).train(training), doubled(make_batch())
    after = copy.deepcopy(before)
    restore_plasticity(after)
    for _ in range(2):  # in training, the second pass sees the statistics that the first has left
        torch.testing.assert_close(after(batch), before(batch), rtol=1e-6, atol=1e-8)


@torch.no_grad()
def test_kernels_are_as_large_as_new_ones_and_keep_their_direction() -> None:
    before = trained_unet()
    after = copy.deepcopy(before)
    restore_plasticity(after)
    pairs = list(zip(normalised_convolutions(before), normalised_convolutions(after), strict=True))
    for (old, _), (new, _) in pairs:
        inputs = new.weight.shape[0] * new.weight.shape[1]
        assert float(new.weight.square().mean()) == pytest.approx(2 / inputs)
        one, other = old.weight.flatten(), new.weight.flatten()
        assert float(one @ other / one.norm() / other.norm()) == pytest.approx(1)
    kernels = sum(parameter.ndim == 3 for parameter in after.parameters())
    assert len(pairs) == kernels, "every kernel of this network is followed by a norm"


def test_a_step_turns_restored_kernels_as_far_as_new_ones(make_batch: Callable[..., PointBatch]) -> None:
    batch = doubled(make_batch())

    def turn(unet: SparseUNet) -> float:
        before = unet.encoder[0].down.weight.detach().clone()  # pyright: ignore
        optimizer = torch.optim.AdamW(unet.parameters(), lr=1e-2, weight_decay=0.0)
        unet(batch).square().mean().backward()
        optimizer.step()
        after = unet.encoder[0].down.weight.detach()  # pyright: ignore
        cosine = float((before * after).sum() / before.norm() / after.norm())
        return math.acos(min(cosine, 1.0))

    restored = trained_unet()
    restore_plasticity(restored)
    assert turn(restored) > 2 * turn(trained_unet())


def test_kernels_of_zeros_are_left_alone() -> None:
    unet = trained_unet()
    with torch.no_grad():
        unet.stem.convolution.weight.zero_()
    restore_plasticity(unet)
    assert not unet.stem.convolution.weight.any()
    assert all(bool(torch.isfinite(parameter).all()) for parameter in unet.parameters())
