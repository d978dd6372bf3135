import pytest
import torch
import torch.nn.functional as F
from ponder_render.linear import has_onednn, linear


@pytest.mark.parametrize(("inputs", "outputs"), [(5, 3), (70, 64)], ids=["small", "large"])
@pytest.mark.parametrize("with_bias", [True, False])
def test_values_and_gradients_are_those_of_torch(inputs: int, outputs: int, with_bias: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    tensors = [
        torch.randn(40, inputs, generator=generator),
        torch.randn(outputs, inputs, generator=generator),
    ]
    if with_bias:
        tensors.append(torch.randn(outputs, generator=generator))
    seed = torch.randn(40, outputs, generator=generator)
    results = []
    for function in (linear, F.linear):
        leaves = [tensor.clone().requires_grad_() for tensor in tensors]
        y = function(*leaves)
        results.append((y, torch.autograd.grad(y, leaves, seed)))
    torch.testing.assert_close(results[0], results[1], atol=1e-4, rtol=1e-4)


def test_only_what_is_asked_for_is_differentiated() -> None:
    weight = torch.randn(3, 5, requires_grad=True)
    (grad,) = torch.autograd.grad(linear(torch.ones(7, 5), weight).sum(), weight)
    torch.testing.assert_close(grad, torch.full((3, 5), 7.0))


def test_without_onednn_torch_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight = torch.randn(4, 5), torch.randn(3, 5)
    expected = linear(x, weight)
    monkeypatch.setattr("ponder_render.linear.has_onednn", lambda: False)
    torch.testing.assert_close(linear(x, weight), expected)
    assert isinstance(has_onednn(), bool)


def test_no_samples() -> None:
    assert linear(torch.zeros(0, 5), torch.ones(3, 5), torch.ones(3)).shape == (0, 3)
