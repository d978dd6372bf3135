import pytest
import torch
from ponder_render import NeusConfig, NeusDensity, Samples
from ponder_render.density import neus_opacity
from torch import Tensor


def samples_at(distance: Tensor, far: float) -> Samples:
    end = torch.cat([distance[:, 1:], torch.full_like(distance[:, :1], far)], dim=1)
    valid = torch.ones(len(distance), dtype=torch.bool)
    return Samples(start=distance, end=end, distance=distance, valid=valid)


def test_discrete_form_is_equation_7() -> None:
    density = NeusDensity(NeusConfig(initial_sharpness=7.0)).double()
    sdf = torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    distance = torch.linspace(0.1, 1, 6, dtype=torch.float64).expand(3, 6)
    direction = torch.tensor([[0.0, 0.0, 1.0]] * 3, dtype=torch.float64)
    found = density(sdf, torch.zeros(3, 6, 3, dtype=torch.float64), direction, samples_at(distance, 1.2))
    for ray in range(3):
        for j in range(5):
            here, there = torch.sigmoid(7 * sdf[ray, j]), torch.sigmoid(7 * sdf[ray, j + 1])
            expected = max(((here - there) / here).item(), 0)
            assert found[ray, j].item() == pytest.approx(expected, abs=1e-6)
        assert found[ray, 5].item() == 0


def test_midpoint_form_extrapolates_along_the_gradient() -> None:
    density = NeusDensity(NeusConfig(form="midpoint", initial_sharpness=9.0)).double()
    sdf = torch.tensor([[0.05, 0.05]], dtype=torch.float64)
    gradient = torch.tensor([[[0.3, 0.0, -0.8], [0.0, 0.0, 0.9]]], dtype=torch.float64)
    samples = Samples(
        start=torch.tensor([[1.0, 1.3]], dtype=torch.float64),
        end=torch.tensor([[1.3, 1.5]], dtype=torch.float64),
        distance=torch.tensor([[1.1, 1.4]], dtype=torch.float64),
        valid=torch.tensor([True]),
    )
    found = density(sdf, gradient, torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64), samples)
    before, after = torch.sigmoid(torch.tensor([9 * (0.05 + 0.08), 9 * (0.05 - 0.16)], dtype=torch.float64))
    assert found[0, 0].item() == pytest.approx(((before - after) / before).item(), abs=1e-6)
    assert found[0, 1].item() == 0


def test_opacity_stays_finite_deep_inside_and_with_gradients() -> None:
    """The plain quotient is 0 / 0 there in float32."""
    before = torch.tensor([[-3.0, -30.0, 5.0, 0.0]], requires_grad=True)
    after = torch.tensor([[-3.1, -31.0, -5.0, 0.0]])
    opacity = neus_opacity(before, after, 1000.0)
    opacity.sum().backward()
    assert before.grad is not None
    assert bool(torch.isfinite(before.grad).all())
    assert opacity.tolist() == [[1.0, 1.0, 1.0, 0.0]]


def test_growing_distance_is_transparent() -> None:
    sdf = torch.linspace(-1, 1, 9)[None]
    assert not bool(neus_opacity(sdf[:, :-1], sdf[:, 1:], 50.0).any())


@pytest.mark.parametrize("form", ["discrete", "midpoint"])
def test_gradients_reach_sdf_and_sharpness(form: str) -> None:
    density = NeusDensity(NeusConfig.model_validate({"form": form, "initial_sharpness": 5.0})).double()
    assert density.sharpness.item() == pytest.approx(5.0, rel=1e-5)
    generator = torch.Generator().manual_seed(0)
    sdf = torch.linspace(0.4, -0.4, 5, dtype=torch.float64)[None].requires_grad_()
    gradient = torch.randn(1, 5, 3, dtype=torch.float64, generator=generator).requires_grad_()
    direction = torch.nn.functional.normalize(
        torch.randn(1, 3, dtype=torch.float64, generator=generator), dim=1
    )
    samples = samples_at(torch.linspace(0, 1, 5, dtype=torch.float64)[None], 1.2)

    def opacity(sdf: Tensor, gradient: Tensor, variance: Tensor) -> Tensor:
        assert variance is density.variance
        return density(sdf, gradient, direction, samples)

    torch.autograd.gradcheck(opacity, (sdf, gradient, density.variance))
