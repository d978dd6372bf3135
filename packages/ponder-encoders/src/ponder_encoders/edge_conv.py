"""EdgeConv (Wang et al. 2019): what a point learns from the differences to its neighbours."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ponder_encoders.shared_mlp import linear, point_norm
from ponder_encoders.sparse.torch_columns import accumulation_dtype


def leaky_relu(rows: Tensor) -> Tensor:
    """Slope 0.2 below zero, as published."""
    return F.leaky_relu(rows, 0.2)


class EdgeConv(nn.Module):
    """``out_i = max_j h([x_i, x_j - x_i])`` over the neighbours j of point i.

    ``h`` is one linear layer after another, each with batch normalisation over all edges and a leaky rectifier of
    slope 0.2. The half of the first layer that reads ``x_i`` is computed once for each point, not once for each edge.

    Evaluation without gradients goes through ``points_per_chunk`` points at a time, so that memory does not grow
    with the edges. Training holds ``points * k`` rows for each layer, unless ``recompute`` is set: then the edges
    of each chunk are computed again where they are needed, in memory that does not grow with the edges either: more
    products, less memory traffic, and on one CPU core the same time. The numbers are the same up to rounding.

    Args:
        inputs: channels of each point.
        widths: channels after each layer.
        momentum: share of each batch in the running statistics.
        recompute: whether training computes edges again instead of holding them.
        points_per_chunk: points whose edges are worked on at a time.
        generator: source of the initial weights.
    """

    def __init__(
        self,
        inputs: int,
        widths: tuple[int, ...],
        *,
        momentum: float = 0.1,
        recompute: bool = False,
        points_per_chunk: int = 2048,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        sizes = (2 * inputs, *widths)
        self.linears = nn.ModuleList(
            linear(sizes[i], sizes[i + 1], generator=generator) for i in range(len(widths))
        )
        self.norms = nn.ModuleList(point_norm(width, momentum) for width in widths)
        self.outputs, self.recompute, self.points_per_chunk = widths[-1], recompute, points_per_chunk

    def forward(
        self, features: Float[Tensor, "points inputs"], neighbours: Int64[Tensor, "points k"]
    ) -> Float[Tensor, "points outputs"]:
        """Convolve every point with its neighbours; gradients reach features and weights."""
        if not self.recompute and (self.training or torch.is_grad_enabled()):
            return self._edges(features, neighbours, self._normalise)
        statistics = self._statistics(features, neighbours) if self.training else None

        def pooled(features: Tensor, chunk: Tensor, rows: Tensor, *flat: Tensor) -> Tensor:
            return self._edges(features, chunk, self._normaliser(flat), rows)

        flat = self._running() if statistics is None else statistics
        return torch.cat([self._chunked(pooled, features, *part, *flat) for part in self._parts(neighbours)])

    def _parts(self, neighbours: Tensor) -> list[tuple[Tensor, Tensor]]:
        rows = torch.arange(neighbours.shape[0], device=neighbours.device)
        step = self.points_per_chunk
        return list(zip(neighbours.split(step), rows.split(step), strict=True))

    def _chunked(self, function: Callable[..., Tensor], *arguments: Tensor) -> Tensor:
        if not torch.is_grad_enabled():
            return function(*arguments)
        return checkpoint(function, *arguments, use_reentrant=False)  # type: ignore[no-any-return]

    def _edges(
        self,
        features: Tensor,
        neighbours: Tensor,
        normalise: Callable[[int, Tensor], Tensor],
        rows: Tensor | None = None,
        layers: int | None = None,
    ) -> Tensor:
        """The pooled edges of some points; with ``layers`` the edges as they enter that layer's normalisation."""
        points, k = neighbours.shape
        own = features if rows is None else features.index_select(0, rows)
        first = self.linears[0]
        assert isinstance(first, nn.Linear), "the first layer is linear"
        of_point, of_difference = first.weight.chunk(2, dim=1)
        difference = features.index_select(0, neighbours.flatten()).view(points, k, -1) - own[:, None]
        edges = F.linear(difference, of_difference) + F.linear(own, of_point)[:, None]
        edges = edges.flatten(0, 1)
        for layer in range(len(self.linears)):
            if layer:
                edges = self.linears[layer](edges)
            if layer == layers:
                return edges
            edges = leaky_relu(normalise(layer, edges))
        return edges.view(points, k, -1).amax(dim=1)

    def _normalise(self, layer: int, edges: Tensor) -> Tensor:
        return self.norms[layer](edges)

    def _running(self) -> tuple[Tensor, ...]:
        """Running mean and variance of every layer, one after the other."""
        flat: list[Tensor] = []
        for norm in self.norms:
            assert isinstance(norm.running_mean, Tensor), "norms of edges track statistics"
            assert isinstance(norm.running_var, Tensor), "norms of edges track statistics"
            flat += [norm.running_mean, norm.running_var]
        return tuple(flat)

    def _normaliser(self, statistics: tuple[Tensor, ...]) -> Callable[[int, Tensor], Tensor]:
        """Normalise by given means and variances, through which gradients pass."""

        def normalise(layer: int, edges: Tensor) -> Tensor:
            norm = self.norms[layer]
            assert isinstance(norm, nn.BatchNorm1d), "edges are normalised over the batch"
            mean, variance = statistics[2 * layer : 2 * layer + 2]
            scale = norm.weight * torch.rsqrt(variance + norm.eps)
            return (edges - mean) * scale + norm.bias

        return normalise

    def _statistics(self, features: Tensor, neighbours: Tensor) -> tuple[Tensor, ...]:
        """Mean and variance of the edges entering every normalisation, chunk by chunk, layer after layer.

        Updates the running statistics as batch normalisation does.
        """
        flat: tuple[Tensor, ...] = ()
        edges = neighbours.numel()
        if edges == 1:  # A single row has no variance: see PointBatchNorm.
            return self._running()
        for layer, norm in enumerate(self.norms):
            assert isinstance(norm, nn.BatchNorm1d), "edges are normalised over the batch"

            def moments(
                features: Tensor, chunk: Tensor, rows: Tensor, *flat: Tensor, layer: int = layer
            ) -> Tensor:
                entering = self._edges(features, chunk, self._normaliser(flat), rows, layer)
                entering = entering.to(accumulation_dtype(entering.dtype))
                mean = entering.mean(dim=0)
                return torch.stack([mean, (entering - mean).square().sum(dim=0)])

            parts = self._parts(neighbours)
            both = torch.stack([self._chunked(moments, features, *part, *flat) for part in parts])
            shares = torch.tensor([part[0].numel() for part in parts], device=features.device)[:, None]
            mean = (both[:, 0] * shares).sum(dim=0) / edges
            squares = both[:, 1].sum(dim=0) + (shares * (both[:, 0] - mean).square()).sum(dim=0)
            flat = (*flat, mean, squares / edges)
            _track(norm, mean, squares / max(1, edges - 1))
        return flat


@torch.no_grad()
def _track(norm: nn.BatchNorm1d, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics towards a batch's."""
    assert norm.running_mean is not None, "norms of edges track statistics"
    assert norm.running_var is not None, "norms of edges track statistics"
    assert norm.num_batches_tracked is not None, "norms of edges track statistics"
    momentum = norm.momentum if norm.momentum is not None else 0.1
    norm.running_mean.lerp_(mean.to(norm.running_mean.dtype), momentum)
    norm.running_var.lerp_(variance.to(norm.running_var.dtype), momentum)
    norm.num_batches_tracked.add_(1)
