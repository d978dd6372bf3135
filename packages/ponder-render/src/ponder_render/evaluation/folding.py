"""The field's networks with neighbouring linear layers multiplied into one: the same function, in fewer products.

The last layer of the SDF network is linear and so are the first layers of the heads that read its outputs ``h``:
their product reads the SDF network's last activations ``a`` directly, and ``h`` is never computed. A head without
hidden layers thus comes down to a few rows. (Where a head is linear in the features too, one could interpolate
the product of volume and weights instead of the features. But the SDF network reads the same features, and with
them at hand the head's few rows cost less than a second gather.)

The last layer of the semantic head is linear as well, and is left out here: sums along rays are taken before it
(``semantics`` of a sample may have hundreds of channels, and ``sum_j w_j (A x_j + b) = A sum_j w_j x_j + b sum_j
w_j``). The multiplied matrices are differentiable in the parameters.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from ponder_render.field.mlp import HeadMlp, linear_layers
from ponder_render.field.neural_field import NeuralField


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """``weight x + bias``."""

    weight: Float[Tensor, "outputs inputs"]
    bias: Float[Tensor, " outputs"]

    def tensors(self) -> list[Tensor]:
        """Weight and bias."""
        return [self.weight, self.bias]

    def rebuild(self, tensors: Iterator[Tensor]) -> "Layer":
        """The same structure with the next tensors of an iterator in place of its own."""
        return Layer(weight=next(tensors), bias=next(tensors))


@dataclass(frozen=True, slots=True, kw_only=True)
class JointLayer:
    """``sum_i weights_i block_i + bias``: a linear layer over inputs that are kept apart.

    The blocks are the field's input ``[p, f]``, the SDF network's last activations ``a`` (absent where it has no
    hidden layer, or ``h`` no channel), the normal ``n`` and, for colour, the ray's direction ``d``.
    """

    weights: tuple[Tensor, ...]
    bias: Float[Tensor, " outputs"]

    def tensors(self) -> list[Tensor]:
        """The weights, then the bias."""
        return [*self.weights, self.bias]

    def rebuild(self, tensors: Iterator[Tensor]) -> "JointLayer":
        """The same structure with the next tensors of an iterator in place of its own."""
        return JointLayer(weights=tuple(next(tensors) for _ in self.weights), bias=next(tensors))


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldedHead:
    """A head: its first layer over the blocks, then each further layer after a rectifier."""

    first: JointLayer
    rest: tuple[Layer, ...]
    reads_direction: bool

    def tensors(self) -> list[Tensor]:
        """Layer by layer."""
        return [*self.first.tensors(), *(tensor for layer in self.rest for tensor in layer.tensors())]

    def rebuild(self, tensors: Iterator[Tensor]) -> "FoldedHead":
        """The same structure with the next tensors of an iterator in place of its own."""
        return FoldedHead(
            first=self.first.rebuild(tensors),
            rest=tuple(layer.rebuild(tensors) for layer in self.rest),
            reads_direction=self.reads_direction,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldedField:
    """What is evaluated at each sample.

    Attributes:
        hidden: hidden layers of the SDF network, over ``[p, f]``.
        sdf: one row over the last activations (over ``[p, f]`` where there is no hidden layer).
        beta: sharpness of the softplus after each hidden layer.
        coordinates: columns of ``p`` in ``[p, f]``: constants, which need no gradient.
        activation_block: whether heads read the last activations as a block of their own.
        color: the colour head before its sigmoid; None: no colour.
        semantic: the semantic head's hidden layers, the last to be rectified too; None: it has none, or there is
            no such head.
    """

    hidden: tuple[Layer, ...]
    sdf: Layer
    beta: float
    coordinates: int
    activation_block: bool
    color: FoldedHead | None
    semantic: FoldedHead | None

    def tensors(self) -> list[Tensor]:
        """All matrices and biases, in a fixed order."""
        parts = [*self.hidden, self.sdf, self.color, self.semantic]
        return [tensor for part in parts if part is not None for tensor in part.tensors()]

    def rebuild(self, tensors: Iterator[Tensor]) -> "FoldedField":
        """The same structure with other tensors: values cut off from the graph, or sums of gradients."""
        return FoldedField(
            hidden=tuple(layer.rebuild(tensors) for layer in self.hidden),
            sdf=self.sdf.rebuild(tensors),
            beta=self.beta,
            coordinates=self.coordinates,
            activation_block=self.activation_block,
            color=None if self.color is None else self.color.rebuild(tensors),
            semantic=None if self.semantic is None else self.semantic.rebuild(tensors),
        )


def fold(field: NeuralField) -> FoldedField:
    """Fold a field; differentiable in its parameters."""
    net = field.geometry_net
    semantic = field.semantic_head
    deep = semantic is not None and len(semantic.hidden) > 0
    return FoldedField(
        hidden=tuple(_layer(layer) for layer in linear_layers(net.hidden)),
        sdf=Layer(weight=net.output.weight[:1], bias=net.output.bias[:1]),
        beta=net.beta,
        coordinates=field.coordinates,
        activation_block=has_activation_block(field),
        color=None if field.color_head is None else _head(field, field.color_head, direction=True),
        semantic=_head(field, semantic, direction=False) if semantic is not None and deep else None,
    )


def fold_semantic_output(field: NeuralField) -> JointLayer | None:
    """The semantic head's last layer: over its last activations, or over the blocks where it has no other."""
    head = field.semantic_head
    if head is None:
        return None
    if head.hidden:
        return JointLayer(weights=(head.output.weight,), bias=head.output.bias)
    return _joint(field, head.output, direction=False)


def has_activation_block(field: NeuralField) -> bool:
    """Whether the heads read the SDF network's last activations: not where these are ``[p, f]``, or ``h`` is empty."""
    return field.config.sdf_layers > 0 and field.config.geometry_channels > 0


def _head(field: NeuralField, head: HeadMlp, direction: bool) -> FoldedHead:
    first, *rest = [*linear_layers(head.hidden), head.output]
    if not direction:
        rest = rest[:-1]  # the semantic head's last layer comes after compositing
    return FoldedHead(
        first=_joint(field, first, direction),
        rest=tuple(_layer(layer) for layer in rest),
        reads_direction=direction,
    )


def _joint(field: NeuralField, layer: nn.Linear, direction: bool) -> JointLayer:
    """A layer over ``[p, f, (d), n, h]`` as one over blocks, with ``h`` written as a function of ``a``."""
    output, geometry = field.geometry_net.output, field.config.geometry_channels
    ray = 3 if direction else 0
    place = layer.in_features - geometry - 3 - ray
    on_place, on_ray, on_normal, on_hidden = layer.weight.split([place, ray, 3, geometry], dim=1)
    bias = layer.bias + on_hidden @ output.bias[1:]
    through_hidden = on_hidden @ output.weight[1:]
    blocks = [on_place, through_hidden]
    if not has_activation_block(field):
        blocks = [on_place if field.config.sdf_layers else on_place + through_hidden]
    weights = (*blocks, on_normal, *([on_ray] if direction else []))
    # oneDNN reorders weights with other strides slowly: 100 times the product itself.
    return JointLayer(weights=tuple(weight.contiguous() for weight in weights), bias=bias)


def _layer(layer: nn.Linear) -> Layer:
    return Layer(weight=layer.weight, bias=layer.bias)
