import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from ponder_render import (
    FieldValues,
    Losses,
    LossTerm,
    RayTargets,
    Rendered,
    RenderingLossConfig,
    Samples,
    rendering_losses,
)
from torch import Tensor

RAYS, SAMPLES, CLASSES = 8, 6, 4
TERMS = ("color", "distance", "eikonal", "near_surface", "free_space", "semantic")


def make_rendered(seed: int = 0) -> Rendered:
    """Rays of every kind: 2 not sensed, 3 misses, 4 sensed beyond its box, 5 before it, the rest inside."""
    generator = torch.Generator().manual_seed(seed)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()

    start = (1 + torch.arange(SAMPLES, dtype=torch.float64) * 0.1).expand(RAYS, SAMPLES)
    valid = torch.ones(RAYS, dtype=torch.bool)
    valid[3] = False
    values = FieldValues(sdf=random(RAYS, SAMPLES), gradient=random(RAYS, SAMPLES, 3), color=None)
    return Rendered(
        color=random(RAYS, 3),
        distance=random(RAYS),
        normal=random(RAYS, 3),
        semantic=random(RAYS, CLASSES),
        opacity=random(RAYS),
        weights=random(RAYS, SAMPLES),
        samples=Samples(start=start, end=start + 0.1, distance=start, valid=valid),
        values=values,
    )


def make_targets() -> RayTargets:
    return RayTargets(
        color=torch.rand(RAYS, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(5)),
        distance=torch.tensor([1.33, 1.55, 0.0, 1.3, 2.5, 0.4, 1.05, 1.6], dtype=torch.float64),
        semantic=torch.tensor([0, -1, 3, 2, 1, 1, 0, 2]),
    )


def test_terms_agree_with_a_loop() -> None:
    rendered, targets = make_rendered(), make_targets()
    config = RenderingLossConfig(truncation=0.15)
    terms: dict[str, list[float]] = {name: [] for name in TERMS}
    color, semantic = rendered.color, rendered.semantic
    assert color is not None
    assert semantic is not None
    for ray in range(RAYS):
        if ray == 3:
            continue
        for j in range(SAMPLES):
            length = math.sqrt(sum(g * g for g in rendered.values.gradient[ray, j].tolist()))
            terms["eikonal"].append((length - 1) ** 2)
        if ray in (4, 5):
            continue
        sensed = targets.distance[ray].item()
        difference = color[ray] - targets.color[ray]
        terms["color"].append(sum(abs(d) for d in difference.tolist()) / 3)
        if targets.semantic[ray] >= 0:
            logits = semantic[ray].tolist()
            chosen = logits[int(targets.semantic[ray])]
            terms["semantic"].append(math.log(sum(math.exp(v) for v in logits)) - chosen)
        if sensed == 0:
            continue
        terms["distance"].append(abs(rendered.distance[ray].item() - sensed))
        for j in range(SAMPLES):
            t, sdf = rendered.samples.distance[ray, j].item(), rendered.values.sdf[ray, j].item()
            if abs(sensed - t) <= 0.15:
                terms["near_surface"].append(abs(sdf - (sensed - t)))
            elif t < sensed:
                terms["free_space"].append(max(0.15 - sdf, 0))
    losses = rendering_losses(rendered, targets, config)
    named = losses.named()
    assert set(named) == set(TERMS)
    for name, values in terms.items():
        assert named[name] == pytest.approx(sum(values) / len(values)), name
    expected = sum(getattr(config, name) * sum(v) / len(v) for name, v in terms.items())
    assert losses.total.item() == pytest.approx(expected)


def test_a_term_without_weight_is_left_out_and_one_without_head_too() -> None:
    config = RenderingLossConfig(eikonal=0)
    rendered = replace(make_rendered(), semantic=None)
    names = [term.name for term in rendering_losses(rendered, make_targets(), config).terms]
    assert names == ["color", "distance", "near_surface", "free_space"]


def test_nothing_to_average_is_zero_with_gradient() -> None:
    rendered = make_rendered()
    samples = replace(rendered.samples, valid=torch.zeros(RAYS, dtype=torch.bool))
    losses = rendering_losses(replace(rendered, samples=samples), make_targets(), RenderingLossConfig())
    assert losses.total.item() == 0
    losses.total.backward()
    assert rendered.values.sdf.grad is not None
    assert not bool(rendered.values.sdf.grad.any())


def test_what_is_masked_may_be_nan() -> None:
    rendered = make_rendered()
    gradient = rendered.values.gradient.detach().clone()
    gradient[3] = torch.nan
    rendered = replace(rendered, values=replace(rendered.values, gradient=gradient))
    rendering_losses(rendered, make_targets(), RenderingLossConfig()).check_finite()


def test_a_gradient_of_zero_length_has_a_finite_loss_gradient() -> None:
    rendered = make_rendered()
    gradient = torch.zeros_like(rendered.values.gradient).requires_grad_()
    rendered = replace(rendered, values=replace(rendered.values, gradient=gradient))
    rendering_losses(rendered, make_targets(), RenderingLossConfig()).total.backward()
    assert gradient.grad is not None
    assert bool(torch.isfinite(gradient.grad).all())


def test_class_zero_counts_and_ignored_rays_do_not() -> None:
    rendered, targets = make_rendered(), make_targets()
    logits = rendered.semantic
    assert logits is not None
    for label, expected in ((0, F.cross_entropy(logits[:1], torch.tensor([0])).item()), (-1, 0.0)):
        semantic = torch.full((RAYS,), -1)
        semantic[0] = label
        named = rendering_losses(rendered, replace(targets, semantic=semantic), RenderingLossConfig()).named()
        assert named["semantic"] == pytest.approx(expected)


def test_a_class_beyond_the_head_is_an_error() -> None:
    targets = replace(make_targets(), semantic=torch.full((RAYS,), 9))
    with pytest.raises(ValueError, match="class 9 but the semantic head has 4 outputs"):
        rendering_losses(make_rendered(), targets, RenderingLossConfig())


def test_a_broken_term_is_named() -> None:
    terms = (
        LossTerm(name="color", value=torch.tensor(0.5), weight=10.0),
        LossTerm(name="eikonal", value=torch.tensor(torch.nan), weight=0.1),
    )
    with pytest.raises(FloatingPointError, match="eikonal = nan"):
        Losses(terms=terms).check_finite()
    Losses(terms=terms[:1]).check_finite()


def test_the_total_of_no_terms_is_an_error() -> None:
    with pytest.raises(ValueError, match="no loss term is left"):
        _ = Losses(terms=()).total
