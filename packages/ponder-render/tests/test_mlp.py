import pytest
import torch
import torch.nn.functional as F
from ponder_render.mlp import HeadMlp, SmoothMlp, softplus_with_slope
from torch import Tensor


def test_softplus_agrees_with_torch_also_far_out() -> None:
    z = torch.tensor([[-1e4, -5.0, -0.02, 0.0, 0.003, 0.4, 80.0, 1e4]], dtype=torch.float64)
    value, slope = softplus_with_slope(z, 100.0)
    torch.testing.assert_close(value, F.softplus(z, beta=100))
    torch.testing.assert_close(slope, torch.sigmoid(100 * z))


def test_softplus_gradients() -> None:
    z = torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    torch.autograd.gradcheck(lambda x: softplus_with_slope(x, 5.0), z)


@pytest.mark.parametrize("layers", [0, 1, 3])
def test_the_closed_form_gradient_is_autograds(layers: int) -> None:
    torch.manual_seed(0)
    net = SmoothMlp(5, 8, layers, 3, beta=10.0).double()
    x = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    output, gradient = net.with_gradient(x)
    torch.testing.assert_close(output, net(x))
    torch.testing.assert_close(output[:, 0], net.first_output(x))
    (expected,) = torch.autograd.grad(net(x)[:, 0].sum(), x)
    torch.testing.assert_close(gradient, expected)


def test_the_gradient_can_be_trained() -> None:
    torch.manual_seed(0)
    net = SmoothMlp(3, 4, 2, 2, beta=5.0).double()
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)

    def outputs(x: Tensor, *parameters: Tensor) -> tuple[Tensor, Tensor]:
        names = [name for name, _ in net.named_parameters()]
        return torch.func.functional_call(_WithGradient(net), _prefixed(names, parameters), (x,))

    torch.autograd.gradcheck(outputs, (x, *net.parameters()))


class _WithGradient(torch.nn.Module):
    def __init__(self, net: SmoothMlp) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.net.with_gradient(x)


def _prefixed(names: list[str], values: tuple[Tensor, ...]) -> dict[str, Tensor]:
    return {f"net.{name}": value for name, value in zip(names, values, strict=True)}


def test_a_head_without_hidden_layers_is_linear() -> None:
    head = HeadMlp(3, 8, 0, 2).double()
    a, b = torch.randn(2, 4, 3, dtype=torch.float64)
    torch.testing.assert_close(head(2 * a + b) + 2 * head.output.bias, 2 * head(a) + head(b))
