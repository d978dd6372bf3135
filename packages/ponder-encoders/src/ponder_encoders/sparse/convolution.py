"""Layers of sparse convolution. Weights are ``(kernel volume, inputs, outputs)``, x slowest and z fastest."""

import math

import torch
from torch import Tensor, nn

from ponder_encoders.sparse.rulebook import check_kernel_size
from ponder_encoders.sparse.tensor import OccupiedCells, SparseTensor


class SparseConvolution(nn.Module):
    """What all sparse convolutions hold: a weight for each kernel offset, and optionally a bias.

    Weights start normal with variance ``2 / (kernel volume * inputs)``, biases at zero.
    """

    bias: nn.Parameter | None

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel_size: int,
        bias: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if inputs < 1 or outputs < 1:
            raise ValueError(
                f"a convolution needs at least one channel in and out, not {inputs} and {outputs}"
            )
        self.inputs, self.outputs, self.kernel_size = inputs, outputs, kernel_size
        volume = kernel_size**3
        self.weight = nn.Parameter(torch.empty(volume, inputs, outputs))
        self.weight.data.normal_(0.0, math.sqrt(2 / (volume * inputs)), generator=generator)
        self.register_parameter("bias", nn.Parameter(torch.zeros(outputs)) if bias else None)

    def add_bias(self, features: Tensor) -> Tensor:
        """Add the bias, where there is one."""
        return features if self.bias is None else features + self.bias

    def extra_repr(self) -> str:
        """Sizes, for printing."""
        return f"{self.inputs}, {self.outputs}, kernel_size={self.kernel_size}, bias={self.bias is not None}"


class SubmanifoldConv3d(SparseConvolution):
    """Convolution whose outputs are the input's own cells: ``out[c] = sum_k weight[k]^T in[c + offset_k]``.

    Raises:
        ValueError: the kernel size is even or too large for the keys of cells.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel_size: int = 3,
        bias: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        check_kernel_size(kernel_size)
        super().__init__(inputs, outputs, kernel_size=kernel_size, bias=bias, generator=generator)

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Convolve; the cells stay."""
        if self.kernel_size == 1:
            return tensor.with_features(self.add_bias(tensor.features @ self.weight[0]))
        neighbours = tensor.cells.neighbours(self.kernel_size, tensor.backend)
        features = tensor.backend.submanifold(tensor.features, self.weight, neighbours)
        return tensor.with_features(self.add_bias(features))


class StridedConv3d(SparseConvolution):
    """Convolution with kernel 2 and stride 2: the cells become twice as large, ``floor(coordinate / 2)``."""

    def __init__(
        self, inputs: int, outputs: int, *, bias: bool = False, generator: torch.Generator | None = None
    ) -> None:
        super().__init__(inputs, outputs, kernel_size=2, bias=bias, generator=generator)

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Convolve to the next coarser cells."""
        features = tensor.backend.down(tensor.features, self.weight, tensor.cells.children())
        return SparseTensor(
            features=self.add_bias(features), cells=tensor.cells.coarser(), backend=tensor.backend
        )


class InverseConv3d(SparseConvolution):
    """The way back of :class:`StridedConv3d`, over the same rulebook, to the cells that it came from."""

    def __init__(
        self, inputs: int, outputs: int, *, bias: bool = False, generator: torch.Generator | None = None
    ) -> None:
        super().__init__(inputs, outputs, kernel_size=2, bias=bias, generator=generator)

    def forward(self, tensor: SparseTensor, finer: OccupiedCells) -> SparseTensor:
        """Convolve to the cells ``finer``, of which the tensor's cells are the next coarser ones.

        Raises:
            ValueError: the tensor's cells were not made from ``finer``.
        """
        if finer.coarser() is not tensor.cells:
            raise ValueError(
                f"the tensor's {len(tensor.cells)} cells are not the coarser ones of the {len(finer)} cells "
                "asked for: pass the cells that the strided convolution started from"
            )
        features = tensor.backend.up(tensor.features, self.weight, finer.children())
        return SparseTensor(features=self.add_bias(features), cells=finer, backend=tensor.backend)
