import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_render import compositing
from ponder_render.compositing import (
    accumulate,
    accumulate_packed,
    accumulate_packed_reference,
    accumulate_reference,
    render_weights,
    render_weights_packed,
    render_weights_reference,
)
from ponder_render.nerfacc_backend import load_nerfacc
from ponder_render.rays import PackedSamples
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


def make_packed(counts: list[int]) -> PackedSamples:
    """As many samples on each ray as ``counts`` says."""
    total = sum(counts)
    start = torch.arange(total, dtype=torch.float64)
    return PackedSamples(
        ray_indices=torch.arange(len(counts)).repeat_interleave(torch.tensor(counts, dtype=torch.long)),
        start=start,
        end=start + 0.5,
        distance=start,
        offsets=torch.tensor(counts, dtype=torch.long).cumsum(0),
    )


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), counts=st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_packed_compositing_agrees_with_each_ray_on_its_own(seed: int, counts: list[int]) -> None:
    generator, packed = torch.Generator().manual_seed(seed), make_packed(counts)
    opacity = torch.rand(len(packed), dtype=torch.float64, generator=generator) ** 2
    values = torch.randn(len(packed), 3, dtype=torch.float64, generator=generator)
    weights = render_weights_packed(opacity, packed)
    sums = accumulate_packed(weights, values, packed)
    begin = 0
    for ray, end in enumerate(packed.offsets.tolist()):
        expected = render_weights_reference(opacity[None, begin:end])
        torch.testing.assert_close(weights[None, begin:end], expected)
        assert weights[begin:end].sum().item() <= 1 + 1e-12
        torch.testing.assert_close(sums[ray], (expected[0][:, None] * values[begin:end]).sum(dim=0))
        begin = end


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_packed_sums_of_nerfacc_and_plain_pytorch_agree(dtype: torch.dtype) -> None:
    packed = make_packed([3, 0, 5, 1, 0])
    generator = torch.Generator().manual_seed(0)
    results = []
    values = torch.randn(9, 2, dtype=dtype, generator=generator)
    opacity = torch.rand(9, dtype=dtype, generator=generator)
    for add in (accumulate_packed, accumulate_packed_reference):
        alpha, value = opacity.clone().requires_grad_(), values.clone().requires_grad_()
        sums = add(render_weights_packed(alpha, packed), value, packed)
        results.append([sums, *torch.autograd.grad(sums.square().sum(), [alpha, value])])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_packed_sums_without_nerfacc(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = make_packed([2, 0, 1])
    monkeypatch.setattr(compositing, "load_nerfacc", lambda: None)
    values = torch.tensor([[1.0], [2.0], [4.0]], dtype=torch.float64)
    weights = torch.tensor([0.5, 0.25, 1.0], dtype=torch.float64)
    assert accumulate_packed(weights, values, packed).tolist() == [[1.0], [0.0], [4.0]]


def test_long_bundles_of_packed_samples_stay_exact_in_float32() -> None:
    """A running sum over all rays would lose three digits here."""
    packed = make_packed([100] * 2000)
    opacity = 0.2 * torch.rand(len(packed), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    exact = render_weights_packed(opacity, packed)
    assert (render_weights_packed(opacity.float(), packed) - exact).abs().max().item() < 1e-6


def test_gradients_of_packed_compositing() -> None:
    packed = make_packed([3, 0, 4])
    generator = torch.Generator().manual_seed(0)
    opacity = (0.9 * torch.rand(7, dtype=torch.float64, generator=generator)).requires_grad_()
    values = torch.randn(7, 2, dtype=torch.float64, generator=generator).requires_grad_()

    def render(alpha: Tensor, value: Tensor) -> Tensor:
        return accumulate_packed(render_weights_packed(alpha, packed), value, packed)

    torch.autograd.gradcheck(render, (opacity, values))
