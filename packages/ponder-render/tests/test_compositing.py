import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_render import compositing
from ponder_render.compositing import (
    accumulate,
    accumulate_reference,
    load_nerfacc,
    render_weights,
    render_weights_reference,
)
from torch import Tensor


@pytest.fixture
def opacity() -> Tensor:
    values = torch.rand(5, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    values[1, 3] = 1
    values[2] = 0
    return values


def test_weights_agree_with_the_product_of_equation_6(opacity: Tensor) -> None:
    found = render_weights(opacity)
    for ray in range(5):
        light = 1.0
        for j in range(7):
            assert found[ray, j].item() == pytest.approx(light * opacity[ray, j].item())
            light *= 1 - opacity[ray, j].item()


def test_nerfacc_and_plain_pytorch_agree(opacity: Tensor) -> None:
    assert load_nerfacc() is not None
    values = torch.randn(5, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    results = []
    for weigh, add in ((render_weights, accumulate), (render_weights_reference, accumulate_reference)):
        alpha = opacity.clone().requires_grad_()
        color = add(weigh(alpha), values)
        (grad,) = torch.autograd.grad(color.square().sum(), alpha)
        results.append((color, grad))
    torch.testing.assert_close(results[0], results[1])


def test_without_nerfacc_plain_pytorch_takes_its_place(
    opacity: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = render_weights(opacity)
    monkeypatch.setattr(compositing, "load_nerfacc", lambda: None)
    torch.testing.assert_close(render_weights(opacity), expected)
    torch.testing.assert_close(accumulate(expected, opacity[..., None])[:, 0], (expected * opacity).sum(1))


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 10_000), samples=st.integers(1, 200))
def test_weights_are_a_share_of_the_light(seed: int, samples: int) -> None:
    opacity = torch.rand(4, samples, generator=torch.Generator().manual_seed(seed)) ** 3
    weights = render_weights(opacity)
    assert bool((weights >= 0).all())
    assert bool((weights.sum(dim=1) <= 1 + 1e-6).all())


def test_gradients_of_the_weights() -> None:
    opacity = torch.rand(2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.9
    torch.autograd.gradcheck(render_weights, opacity.requires_grad_())
