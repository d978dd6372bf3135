import pytest
import torch
import torch.nn.functional as F
from ponder_render.evaluation.linear import has_onednn, product, weight_gradient


@pytest.mark.parametrize(("inputs", "outputs"), [(5, 3), (70, 64)], ids=["small", "large"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_are_those_of_torch(inputs: int, outputs: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, inputs, generator=generator, dtype=dtype)
    weight = torch.randn(outputs, inputs, generator=generator, dtype=dtype)
    bias = torch.randn(outputs, generator=generator, dtype=dtype)
    grad = torch.randn(40, outputs, generator=generator, dtype=dtype)
    near = 1e-4 if dtype == torch.float32 else 1e-12
    torch.testing.assert_close(product(x, weight, bias), F.linear(x, weight, bias), atol=near, rtol=near)
    torch.testing.assert_close(product(x, weight), F.linear(x, weight), atol=near, rtol=near)
    torch.testing.assert_close(weight_gradient(grad, x), grad.t() @ x, atol=near, rtol=near)


def test_transposed_and_sliced_operands() -> None:
    x, weight = torch.randn(40, 70)[:, 3:67], torch.randn(64, 48)
    torch.testing.assert_close(product(x, weight.t()), x @ weight, atol=1e-4, rtol=1e-4)
    grad = torch.randn(40, 130)[:, 1:65]
    torch.testing.assert_close(weight_gradient(grad, x), grad.t() @ x, atol=1e-4, rtol=1e-4)


def test_no_gradient_flows() -> None:
    x, weight = torch.ones(7, 5, requires_grad=True), torch.ones(3, 5, requires_grad=True)
    assert not product(x, weight).requires_grad
    assert not weight_gradient(torch.ones(7, 3), x).requires_grad


def test_without_onednn_torch_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    x, weight = torch.randn(4, 5), torch.randn(3, 5)
    expected = product(x, weight)
    monkeypatch.setattr("ponder_render.evaluation.linear.has_onednn", lambda: False)
    torch.testing.assert_close(product(x, weight), expected)
    assert isinstance(has_onednn(), bool)


def test_no_samples() -> None:
    assert product(torch.zeros(0, 5), torch.ones(3, 5), torch.ones(3)).shape == (0, 3)
    assert not bool(weight_gradient(torch.zeros(0, 3), torch.zeros(0, 5)).any())
