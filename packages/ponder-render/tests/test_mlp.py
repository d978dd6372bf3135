import pytest
import torch
from ponder_render.field.mlp import HeadMlp, SmoothMlp
from torch import Tensor


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


def test_the_gradient_can_be_trained_and_differentiated_again() -> None:
    torch.manual_seed(0)
    net = SmoothMlp(3, 4, 2, 2, beta=5.0).double()
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)

    def outputs(x: Tensor, *parameters: Tensor) -> tuple[Tensor, Tensor]:
        for parameter, value in zip(net.parameters(), parameters, strict=True):
            assert parameter is value
        return net.with_gradient(x)

    torch.autograd.gradcheck(outputs, (x, *net.parameters()))
    torch.autograd.gradgradcheck(outputs, (x, *net.parameters()))


def test_a_head_without_hidden_layers_is_linear() -> None:
    head = HeadMlp(3, 8, 0, 2).double()
    a, b = torch.randn(2, 4, 3, dtype=torch.float64)
    torch.testing.assert_close(head(2 * a + b) + 2 * head.output.bias, 2 * head(a) + head(b))
