"""Edge convolution, set abstraction and propagation against slow loops and float64 gradients."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from ponder_encoders.edge_conv import EdgeConv
from ponder_encoders.neighbours import nearest_neighbours
from ponder_encoders.set_abstraction import (
    FeaturePropagation,
    PointLevel,
    SetAbstraction,
    interpolate_seeds,
)
from torch import Tensor, nn

WIDTHS = (5, 4)


def edge_conv(recompute: bool = False, widths: tuple[int, ...] = WIDTHS) -> EdgeConv:
    layer = EdgeConv(
        3,
        widths,
        recompute=recompute,
        points_per_chunk=4,
        generator=torch.Generator().manual_seed(0),
    ).double()
    generator = torch.Generator().manual_seed(1)
    for norm in layer.norms:
        assert isinstance(norm, nn.BatchNorm1d)
        # A negative scale tells the maximum after normalisation from that before.
        norm.weight.data = torch.randn(norm.weight.shape, generator=generator, dtype=torch.float64)
        norm.bias.data = torch.randn(norm.bias.shape, generator=generator, dtype=torch.float64)
    return layer


def points_and_graph(count: int = 11, k: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    points = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed)).double()
    graph = nearest_neighbours(points, points, k, query_lengths=(count,), point_lengths=(count,))
    return points, graph.index


def edge_conv_by_loop(layer: EdgeConv, points: Tensor, graph: Tensor) -> Tensor:
    """The definition: every edge's row written out, batch statistics over all of them."""
    edges = torch.stack(
        [torch.cat([points[i], points[j] - points[i]]) for i in range(len(points)) for j in graph[i]]
    )
    for linear, norm in zip(layer.linears, layer.norms, strict=True):
        assert isinstance(norm, nn.BatchNorm1d)
        edges = linear(edges)
        mean, variance = edges.mean(dim=0), edges.var(dim=0, unbiased=False)
        edges = F.leaky_relu((edges - mean) / torch.sqrt(variance + norm.eps) * norm.weight + norm.bias, 0.2)
    return edges.view(len(points), graph.shape[1], -1).amax(dim=1)


@pytest.mark.parametrize("recompute", [False, True])
def test_edge_convolution_is_what_a_loop_computes(recompute: bool) -> None:
    layer = edge_conv(recompute)
    points, graph = points_and_graph()
    torch.testing.assert_close(layer(points, graph), edge_conv_by_loop(layer, points, graph))


@pytest.mark.parametrize("recompute", [False, True])
def test_gradients_of_edge_convolution(recompute: bool) -> None:
    layer = edge_conv(recompute)
    points, graph = points_and_graph()
    weights = [parameter.detach().clone() for parameter in layer.parameters()]
    names = [name for name, _ in layer.named_parameters()]

    def convolve(points: Tensor, *parameters: Tensor) -> Tensor:
        given = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(layer, given, (points, graph))

    if not recompute:
        inputs = (points.requires_grad_(), *(weight.requires_grad_() for weight in weights))
        assert torch.autograd.gradcheck(convolve, inputs)
        return
    gradient = torch.randn(11, WIDTHS[-1], dtype=torch.float64)
    outcomes = []
    for one in (edge_conv(False), layer):
        given = points.clone().requires_grad_()
        one(given, graph).backward(gradient)
        outcomes.append([given.grad, *(parameter.grad for parameter in one.parameters())])
        outcomes[-1] += [buffer.double() for buffer in one.buffers()]
    for held, recomputed in zip(*outcomes, strict=True):
        torch.testing.assert_close(recomputed, held)


def test_evaluation_in_chunks_changes_nothing() -> None:
    layer = edge_conv()
    points, graph = points_and_graph()
    layer(points, graph)
    layer.eval()
    whole = layer(points, graph)
    with torch.no_grad():
        torch.testing.assert_close(layer(points, graph), whole)


def test_recomputing_holds_fewer_edges() -> None:
    points, graph = points_and_graph(400, k=20)
    held = []
    for recompute in (False, True):
        layer = edge_conv(recompute, widths=(32, 32))
        layer.points_per_chunk = 50
        sizes: list[int] = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, sizes=sizes: (sizes.append(tensor.numel()), tensor)[1], lambda tensor: tensor
        ):
            layer(points.clone().requires_grad_(), graph).sum()
        held.append(max(sizes, default=0))
    assert held[0] == 400 * 20 * 32
    assert held[1] <= 400 * 32


def level(count: int, channels: int, seed: int = 0, lengths: tuple[int, ...] | None = None) -> PointLevel:
    generator = torch.Generator().manual_seed(seed)
    return PointLevel(
        positions=torch.rand(count, 3, generator=generator, dtype=torch.float64),
        features=torch.randn(count, channels, generator=generator, dtype=torch.float64),
        lengths=lengths or (count,),
        index=torch.arange(count),
    )


def abstraction(neighbours: int = 6) -> SetAbstraction:
    return SetAbstraction(
        2,
        (5, 4),
        seeds=4,
        radius=0.5,
        neighbours=neighbours,
        generator=torch.Generator().manual_seed(0),
    ).double()


def test_set_abstraction_is_what_a_loop_computes() -> None:
    layer, given = abstraction(neighbours=50).eval(), level(20, 2)
    seeds = layer(given)
    assert seeds.lengths == (4,)
    assert torch.equal(seeds.positions, given.positions[seeds.index])
    for seed in range(4):
        offsets = given.positions - seeds.positions[seed]
        inside = offsets.norm(dim=1) < 0.5
        rows = torch.cat([offsets[inside] / 0.5, given.features[inside]], dim=1)
        for linear, norm in zip(layer.mlp.linears, layer.mlp.norms, strict=True):
            rows = torch.relu(norm(linear(rows)))
        torch.testing.assert_close(seeds.features[seed], rows.amax(dim=0))


def test_gradients_of_set_abstraction() -> None:
    layer, given = abstraction(), level(12, 2, lengths=(7, 5))

    def seeds(features: Tensor, positions: Tensor, weight: Tensor) -> Tensor:
        moved = replace(given, positions=positions, features=features)
        return torch.func.functional_call(layer, {"mlp.linears.0.weight": weight}, (moved,)).features

    weight = layer.mlp.linears[0].weight
    assert isinstance(weight, Tensor)
    inputs = [t.detach().clone().requires_grad_() for t in (given.features, given.positions, weight)]
    assert torch.autograd.gradcheck(seeds, inputs)


def test_gradients_of_feature_propagation() -> None:
    layer = FeaturePropagation(4 + 2, (3,), generator=torch.Generator().manual_seed(1)).double()
    finer, coarser = level(12, 2, lengths=(7, 5)), level(6, 4, seed=3, lengths=(2, 4))

    def propagate(fine: Tensor, coarse: Tensor) -> Tensor:
        return layer(replace(finer, features=fine), replace(coarser, features=coarse)).features

    inputs = [t.features.clone().requires_grad_() for t in (finer, coarser)]
    assert torch.autograd.gradcheck(propagate, inputs)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_interpolation_by_a_loop(power: float) -> None:
    seeds = level(7, 3, seed=1, lengths=(2, 5))
    places = level(9, 1, seed=2, lengths=(4, 5))
    expected = []
    for row, place in enumerate(places.positions):
        scene = slice(0, 2) if row < 4 else slice(2, 7)
        distances = (seeds.positions[scene] - place).norm(dim=1)
        nearest = distances.argsort()[:3]
        weights = 1 / distances[nearest] ** power
        expected.append((weights[:, None] * seeds.features[scene][nearest]).sum(0) / weights.sum())
    result = interpolate_seeds(places.positions, places.lengths, seeds, power)
    torch.testing.assert_close(result, torch.stack(expected))
