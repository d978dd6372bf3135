"""Muon: momentum whose steps are made orthogonal (Jordan et al., 2024), with AdamW for what is no matrix.

Gradients of convolutions are nearly of low rank: a few directions dominate, and Adam's steps follow them. Muon replaces
the step of each weight matrix by the nearest one with equal singular values, so that rare directions are learned
as well. Where only hundreds of steps can be afforded, sparse encoders learn far more from each.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration of the source: the fastest towards 1 that keeps singular values within about 0.7 and 1.2."""

ITERATIONS = 5


def orthogonalise(matrix: Float[Tensor, "rows columns"]) -> Float[Tensor, "rows columns"]:
    """Return ``U V^T`` of the singular value decomposition ``U S V^T``, roughly: singular values of about 0.7 to 1.2.

    Five steps of a Newton-Schulz iteration, ``X <- Q X`` with ``Q = a I + b G + c G^2`` and ``G = X X^T``: products of
    matrices alone. All that multiplies ``X`` is a polynomial of the first ``G``, so the steps are taken on this small
    square, ``G <- Q G Q``, and ``X`` itself, many times longer where it is the kernel of a convolution, is multiplied
    once, at the end. A matrix of zeros stays zero.
    """
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.t() if tall else matrix
    x = x / (torch.linalg.matrix_norm(x) + 1e-7)
    gram = x @ x.t()
    product = torch.eye(gram.shape[0], dtype=gram.dtype, device=gram.device)
    for _ in range(ITERATIONS):
        q = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        q.diagonal().add_(a)
        gram, product = q @ gram @ q, q @ product
    x = product @ x
    return x.t() if tall else x


def as_matrix(parameter: Tensor) -> Float[Tensor, "rows columns"]:
    """Return a weight as a matrix: sparse kernels are ``(offset, in, out)``, dense ones ``(out, in, ...)``."""
    if parameter.ndim == 3:
        return parameter.reshape(-1, parameter.shape[2])
    return parameter.reshape(parameter.shape[0], -1)


def is_matrix(parameter: nn.Parameter) -> bool:
    """Whether Muon takes a parameter: it is a matrix, a sparse or a dense kernel, and not a single row."""
    return parameter.ndim >= 2 and min(as_matrix(parameter).shape) > 1


class Muon(Optimizer):
    """Muon for matrices and kernels, AdamW for norms, biases, scalars, and the matrices that it is told to leave.

    A matrix of ``m`` rows and ``n`` columns moves by ``learning_rate * sqrt(max(1, longer / shorter))`` times an
    orthogonal matrix, so that the entries of wide and of square layers change at the same pace.

    Args:
        parameters: all that want a gradient.
        learning_rate: of the matrices.
        vector_learning_rate: of everything else.
        momentum: of the matrices, in Nesterov's form.
        weight_decay: decoupled, times the learning rate of each; not of vectors.
        betas: of AdamW.
        leave: parameters that AdamW takes although they are matrices: those of output layers.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        *,
        learning_rate: float,
        vector_learning_rate: float,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.95),
        leave: Collection[nn.Parameter] = (),
    ) -> None:
        left = {id(parameter) for parameter in leave}
        matrices, vectors = [], []
        for parameter in parameters:
            taken = is_matrix(parameter) and id(parameter) not in left
            (matrices if taken else vectors).append(parameter)
        groups: list[dict[str, Any]] = [
            {"params": matrices, "lr": learning_rate, "matrices": True},
            {"params": vectors, "lr": vector_learning_rate, "matrices": False},
        ]
        defaults = {"momentum": momentum, "weight_decay": weight_decay, "betas": betas}
        super().__init__([group for group in groups if group["params"]], defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Move every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            move = self._move_matrix if group["matrices"] else self._move_vector
            for parameter in group["params"]:
                if parameter.grad is not None:
                    move(parameter, parameter.grad, group)
        return loss

    def _move_matrix(self, parameter: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        velocity = state["momentum"].lerp_(grad, 1 - group["momentum"])
        step = orthogonalise(as_matrix(grad.lerp(velocity, group["momentum"])))
        pace = (max(step.shape) / min(step.shape)) ** 0.5
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.sub_(step.reshape(parameter.shape), alpha=group["lr"] * pace)

    def _move_vector(self, parameter: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state, (first, second) = self.state[parameter], group["betas"]
        if not state:
            state["step"] = torch.zeros((), dtype=torch.float32)
            state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        count = float(state["step"])
        mean = state["mean"].lerp_(grad, 1 - first)
        square = state["square"].mul_(second).addcmul_(grad, grad, value=1 - second)
        spread = (square / (1 - second**count)).sqrt_().add_(1e-8)
        parameter.addcdiv_(mean, spread, value=-group["lr"] / (1 - first**count))
