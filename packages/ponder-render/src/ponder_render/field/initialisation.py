"""Initial weights of the decoder's networks."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ponder_render.field.mlp import SmoothMlp

PROBES = 4096
"""Points at which an initial SDF is fitted: many more than the widest layer has unknowns."""

PASS_ON_NOISE = 0.1
"""Share of He's initialisation that is added to the identity in the later layers of a sphere."""


def initialise_rectified(module: nn.Module) -> None:
    """Draw the weights of all linear and convolutional layers by He et al. (2015), and set their biases to zero.

    Signals then keep their size through layers with rectifiers. PyTorch's own initialisation shrinks them to about
    half in every layer, so that over the five or six layers from a point's feature to a rendered colour hardly any hue
    is left at the start, and learning begins with shades of grey.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Linear | nn.Conv3d | nn.ConvTranspose3d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


@torch.no_grad()
def initialise_free_space(net: SmoothMlp, sdf: float, spread: float) -> None:
    """Let the first output be ``sdf`` metres everywhere, varying by about ``spread``: hardly opaque, with gradients."""
    output = net.output
    output.weight[0].normal_(0, spread / output.in_features**0.5)
    output.bias.zero_()
    output.bias[0] = sdf


@torch.no_grad()
def initialise_sphere(
    net: SmoothMlp, radius: float, half_side: float, spread: float, inside_out: bool = False
) -> None:
    """Let the first output be the SDF of a ball, ``half_side (|p| - radius)``, or of a room, its negative.

    Geometric initialisation in the sense of Atzmon and Lipman (2020): hidden units without bias grow linearly away
    from the origin. They take many random units, whose mean grows evenly in all directions, and lose that in narrow or
    deep networks. Here the first layer's units look in directions spread evenly over the sphere, later layers pass
    them on with a little noise, and the output layer is fitted by least squares, so that any width from about 16 and
    any depth give a ball.

    Args:
        net: with at least one hidden layer, whose first three inputs are the coordinate ``p`` in [-1, 1].
        radius: in units of the coordinate.
        half_side: metres that one unit of the coordinate is long.
        spread: standard deviation that the other inputs, taken as normally distributed, add to the SDF, metres.
        inside_out: positive within, as in a room, instead of outside.
    """
    first = net.hidden[0]
    assert isinstance(first, nn.Linear)
    initialise_rectified(net.hidden)
    first.weight[:, :3] = even_directions(first.out_features).to(first.weight)
    for layer in list(net.hidden)[1:]:
        assert isinstance(layer, nn.Linear)
        layer.weight.mul_(PASS_ON_NOISE).diagonal().add_(1)
    generator = torch.Generator().manual_seed(0)
    place = 2 * torch.rand(PROBES, 3, generator=generator, device=generator.device).to(first.weight) - 1
    feature = torch.randn(PROBES, first.in_features - 3, generator=generator, device=generator.device).to(
        place
    )
    wanted = half_side * (place.norm(dim=1) - radius)
    net.output.bias.zero_()
    _fit_output(net, torch.cat([place, torch.zeros_like(feature)], dim=1), -wanted if inside_out else wanted)
    _scale_features(net, place, feature, spread)


def even_directions(count: int) -> Float[Tensor, "{count} 3"]:
    """Unit vectors spread evenly over the sphere, on a spiral that turns by the golden angle."""
    index = torch.arange(count) + 0.5
    height, turn = 1 - 2 * index / count, index * math.pi * (3 - 5**0.5)
    around = (1 - height.square()).sqrt()
    return torch.stack([around * turn.cos(), around * turn.sin(), height], dim=1)


def _fit_output(
    net: SmoothMlp, inputs: Float[Tensor, "probes inputs"], wanted: Float[Tensor, " probes"]
) -> None:
    """Fit the first row of the output layer by least squares, with a little ridge for alike units."""
    units = inputs
    for layer in net.hidden:
        units = F.softplus(layer(units), net.beta)
    units = units.double()
    units = torch.cat([units, torch.ones_like(units[:, :1])], dim=1)
    normal = units.t() @ units
    normal.diagonal()[:-1].add_(1e-4 * normal.diagonal()[:-1].mean())
    solution = torch.linalg.solve(normal, units.t() @ wanted.double())
    net.output.weight[0] = solution[:-1].to(net.output.weight)
    net.output.bias[0] = solution[-1].to(net.output.bias)


def _scale_features(
    net: SmoothMlp, place: Float[Tensor, "probes 3"], feature: Float[Tensor, "probes channels"], spread: float
) -> None:
    """Scale the first layer's columns of the features until these move the first output by ``spread``."""
    first = net.hidden[0]
    assert isinstance(first, nn.Linear)
    without = net.first_output(torch.cat([place, torch.zeros_like(feature)], dim=1))
    for _ in range(8 if feature.shape[1] else 0):
        moved = (net.first_output(torch.cat([place, feature], dim=1)) - without).square().mean().sqrt()
        first.weight[:, 3:] *= spread / moved.clamp(min=1e-12)
