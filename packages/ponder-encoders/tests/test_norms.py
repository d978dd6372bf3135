"""Normalisation of packed points, and its renormalised form for small batches."""

import pytest
import torch
from ponder_encoders.norms import PointBatchNorm


def norm(renormalise: bool, momentum: float = 0.1) -> PointBatchNorm:
    layer = PointBatchNorm(3).double()
    layer.renormalise, layer.momentum = renormalise, momentum
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        layer.weight.copy_(torch.rand(3, generator=generator) + 0.5)
        layer.bias.copy_(torch.rand(3, generator=generator))
        assert layer.running_mean is not None
        assert layer.running_var is not None
        layer.running_mean.copy_(torch.tensor([0.3, -0.2, 0.1]))
        layer.running_var.copy_(torch.tensor([0.5, 1.5, 0.8]))
    return layer


def rows(count: int = 40) -> torch.Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * 1.3 + 0.4


def test_renormalised_training_computes_what_evaluation_does():
    layer = norm(renormalise=True)
    evaluated = norm(renormalise=True).eval()(rows())
    torch.testing.assert_close(layer.train()(rows()), evaluated)


def test_plain_training_does_not():
    layer = norm(renormalise=False)
    assert not torch.allclose(layer.train()(rows()), norm(renormalise=False).eval()(rows()), atol=0.05)


def test_both_forms_track_the_same_statistics():
    plain, corrected = norm(renormalise=False), norm(renormalise=True)
    plain.train()(rows())
    corrected.train()(rows())
    torch.testing.assert_close(plain.running_mean, corrected.running_mean)
    torch.testing.assert_close(plain.running_var, corrected.running_var)


def test_the_gradient_is_that_of_the_formula_with_constant_corrections():
    layer = norm(renormalise=True)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    mean, deviation = layer.running_mean.clone(), (layer.running_var + layer.eps).sqrt()
    given = rows().requires_grad_()
    weights = torch.randn(40, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (layer.train()(given) * weights).sum().backward()
    again = rows().requires_grad_()
    batch_mean = again.mean(dim=0)
    batch_deviation = (again.var(dim=0, unbiased=False) + layer.eps).sqrt()
    stretch, shift = (batch_deviation / deviation).detach(), ((batch_mean - mean) / deviation).detach()
    expected = (
        (again - batch_mean) / batch_deviation * stretch + shift
    ) * layer.weight.detach() + layer.bias.detach()
    (expected * weights).sum().backward()
    torch.testing.assert_close(given.grad, again.grad)


def test_a_far_off_batch_is_corrected_only_within_bounds():
    layer = norm(renormalise=True)
    far = rows() * 100.0
    out = layer.train()(far)
    assert float(out.detach().abs().max()) < 50.0


@pytest.mark.parametrize("renormalise", [False, True])
def test_a_single_row_is_normalised_by_the_running_statistics(renormalise):
    layer = norm(renormalise=renormalise)
    assert layer.running_mean is not None
    before = layer.running_mean.clone()
    torch.testing.assert_close(layer.train()(rows(1)), norm(renormalise=renormalise).eval()(rows(1)))
    assert torch.equal(layer.running_mean, before)
