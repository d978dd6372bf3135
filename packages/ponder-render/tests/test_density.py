import math

import pytest
import torch
from ponder_render import (
    DensityConfig,
    NeusConfig,
    NeusDensity,
    RendererConfig,
    Samples,
    UnisurfConfig,
    UnisurfDensity,
    VolsdfConfig,
    VolsdfDensity,
    build_density,
)
from ponder_render.density import closing_slope, neus_opacity, volsdf_opacity
from pydantic import TypeAdapter, ValidationError
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


CONFIGS: dict[str, NeusConfig | VolsdfConfig | UnisurfConfig] = {
    "discrete": NeusConfig(initial_sharpness=5.0),
    "midpoint": NeusConfig(form="midpoint", initial_sharpness=5.0),
    "annealed": NeusConfig(form="midpoint", initial_sharpness=5.0, annealing=0.5),
    "volsdf": VolsdfConfig(initial_beta=0.2),
    "unisurf": UnisurfConfig(initial_sharpness=5.0),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_gradients_reach_sdf_and_the_learned_sharpness(kind: str) -> None:
    density = build_density(CONFIGS[kind]).double()
    (learned,) = density.parameters()
    generator = torch.Generator().manual_seed(0)
    sdf = torch.linspace(0.4, -0.38, 5, dtype=torch.float64)[None].requires_grad_()
    gradient = torch.randn(1, 5, 3, dtype=torch.float64, generator=generator).requires_grad_()
    direction = torch.nn.functional.normalize(
        torch.randn(1, 3, dtype=torch.float64, generator=generator), dim=1
    )
    samples = samples_at(torch.linspace(0, 1, 5, dtype=torch.float64)[None], 1.2)

    def opacity(sdf: Tensor, gradient: Tensor, parameter: Tensor) -> Tensor:
        assert parameter is learned
        return density(sdf, gradient, direction, samples, 0.2)

    torch.autograd.gradcheck(opacity, (sdf, gradient, learned))
    found = opacity(sdf, gradient, learned)
    assert bool(((found >= 0) & (found <= 1)).all())
    (slope,) = torch.autograd.grad(found.sum(), learned)
    assert slope != 0


def test_the_learned_numbers_start_where_the_configs_say() -> None:
    assert NeusDensity(NeusConfig(initial_sharpness=5)).sharpness.item() == pytest.approx(5, rel=1e-5)
    assert UnisurfDensity(UnisurfConfig(initial_sharpness=7)).sharpness.item() == pytest.approx(7, rel=1e-5)
    assert VolsdfDensity(VolsdfConfig(initial_beta=0.3)).beta.item() == pytest.approx(0.3, rel=1e-5)


def test_volsdf_is_the_laplace_distribution() -> None:
    density = VolsdfDensity(VolsdfConfig(initial_beta=0.2)).double()
    sdf = torch.tensor([[0.5, 0.1, 0.0, -0.1, -2.0]], dtype=torch.float64)
    samples = samples_at(torch.tensor([[0.0, 0.1, 0.3, 0.6, 1.0]], dtype=torch.float64), 1.5)
    found = density(sdf, torch.zeros(1, 5, 3, dtype=torch.float64), torch.zeros(1, 3).double(), samples)
    for j, (distance, length) in enumerate(zip(sdf[0].tolist(), [0.1, 0.2, 0.3, 0.4, 0.5], strict=True)):
        x = -distance
        share = 0.5 * math.exp(x / 0.2) if x <= 0 else 1 - 0.5 * math.exp(-x / 0.2)
        assert found[0, j].item() == pytest.approx(1 - math.exp(-share / 0.2 * length), rel=1e-6)


def test_volsdf_integrates_to_the_closed_form_of_a_plane() -> None:
    """What is left of the light at depth x behind a plane hit head on: exp(-integral of sigma)."""
    beta, count = 0.05, 4000
    edges = torch.linspace(-1, 0.2, count + 1, dtype=torch.float64)
    sdf = -0.5 * (edges[1:] + edges[:-1])
    opacity = volsdf_opacity(sdf, edges[1:] - edges[:-1], beta)
    passed = (1 - opacity).log().sum().item()
    before = 0.5 * (1 - math.exp(-1 / beta))
    behind = 0.2 / beta - 0.5 * (1 - math.exp(-0.2 / beta))
    assert passed == pytest.approx(-(before + behind), rel=1e-5)


def test_splitting_an_interval_changes_nothing_for_volsdf() -> None:
    sdf, length = torch.tensor([0.03], dtype=torch.float64), torch.tensor([0.2], dtype=torch.float64)
    whole, half = volsdf_opacity(sdf, length, 0.1), volsdf_opacity(sdf, length / 2, 0.1)
    torch.testing.assert_close(whole, 1 - (1 - half) ** 2)


def test_far_from_the_surface_volsdf_is_finite_with_gradients() -> None:
    sdf = torch.tensor([50.0, -50.0], requires_grad=True)
    opacity = volsdf_opacity(sdf, torch.full((2,), 0.1), 1e-4)
    opacity.sum().backward()
    assert opacity.tolist() == [0.0, 1.0]
    assert sdf.grad is not None
    assert bool(torch.isfinite(sdf.grad).all())


def test_unisurf_is_the_occupancy_whatever_the_interval() -> None:
    density = UnisurfDensity(UnisurfConfig(initial_sharpness=8)).double()
    sdf = torch.tensor([[0.2, 0.0, -0.3]], dtype=torch.float64)
    samples = samples_at(torch.tensor([[0.0, 0.1, 0.7]], dtype=torch.float64), 0.8)
    found = density(sdf, torch.zeros(1, 3, 3, dtype=torch.float64), torch.zeros(1, 3).double(), samples)
    for j, distance in enumerate(sdf[0].tolist()):
        assert found[0, j].item() == pytest.approx(1 / (1 + math.exp(8 * distance)), rel=1e-6)


@pytest.mark.parametrize("annealed", [0.0, 0.3, 1.0])
def test_the_slope_of_neus_goes_over_to_the_true_one(annealed: float) -> None:
    cosine = torch.linspace(-1.2, 1.2, 9, dtype=torch.float64)
    found = closing_slope(cosine, annealed)
    for value, slope in zip(cosine.tolist(), found.tolist(), strict=True):
        expected = -(max(-value * 0.5 + 0.5, 0) * (1 - annealed) + max(-value, 0) * annealed)
        assert slope == pytest.approx(expected, abs=1e-12)


def test_annealing_follows_the_progress_of_training() -> None:
    density = NeusDensity(NeusConfig(form="midpoint", annealing=0.4))
    assert [density.annealed(p) for p in (0.0, 0.1, 0.4, 1.0)] == pytest.approx([0, 0.25, 1, 1])
    assert NeusDensity(NeusConfig(form="midpoint")).annealed(0.0) == 1
    with pytest.raises(ValueError, match=r"progress = 1.5 must be the share"):
        density.annealed(1.5)


def test_annealing_opens_surfaces_seen_from_behind() -> None:
    """At the start a surface turned away from the ray has an opacity, in the end it has none."""
    density = NeusDensity(NeusConfig(form="midpoint", annealing=1.0))
    samples = samples_at(torch.tensor([[0.0, 0.1, 0.2]]), 0.3)
    gradient = torch.tensor([0.0, 0.0, 0.5]).expand(1, 3, 3)
    arguments = (torch.tensor([[-0.1, 0.0, 0.1]]), gradient, torch.tensor([[0.0, 0.0, 1.0]]), samples)
    assert bool((density(*arguments, 0.0) > 0.05).all())
    assert not bool(density(*arguments, 1.0).any())


def test_settings_that_mean_nothing_are_errors() -> None:
    with pytest.raises(ValidationError, match="annealing = 0.5 has no meaning in the discrete form"):
        NeusConfig(annealing=0.5)
    with pytest.raises(ValidationError, match="must lie above minimum_beta"):
        VolsdfConfig(initial_beta=1e-5)


def test_the_kind_of_a_config_chooses_the_density() -> None:
    adapter = TypeAdapter(DensityConfig)
    for config in CONFIGS.values():
        assert adapter.validate_python(config.model_dump()) == config
        assert RendererConfig(density=config).density == config
    with pytest.raises(ValidationError, match="'neus', 'volsdf', 'unisurf'"):
        adapter.validate_python({"kind": "nerf"})
