"""Layers of sparse convolution. Weights are ``(kernel volume, inputs, outputs)``, x slowest and z fastest."""

import math

import torch
from torch import Tensor, nn

from ponder_encoders.sparse.rulebook import check_kernel_size
from ponder_encoders.sparse.strided_rulebook import StridedGeometry, Triple, triple
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
        kernel_size: int | Triple,
        bias: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if inputs < 1 or outputs < 1:
            raise ValueError(
                f"a convolution needs at least one channel in and out, not {inputs} and {outputs}"
            )
        self.inputs, self.outputs, self.kernel_size = inputs, outputs, triple(kernel_size)
        volume = math.prod(self.kernel_size)
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
        kernel_size = self.kernel_size[0]
        if kernel_size == 1:
            return tensor.with_features(self.add_bias(tensor.features @ self.weight[0]))
        neighbours = tensor.cells.neighbours(kernel_size, tensor.backend)
        features = tensor.backend.submanifold(tensor.features, self.weight, neighbours)
        return tensor.with_features(self.add_bias(features))


class StridedConv3d(SparseConvolution):
    """Convolution to other cells: ``out[o] = sum_k weight[k]^T in[o * stride - padding + k]``.

    Outputs are all the cells that some input cell reaches, as in spconv's ``SparseConv3d``. Where the tensor's
    cells are bounded by a grid's shape, outputs outside the dense convolution's output are dropped; otherwise
    they may lie anywhere. The numbers are those of the dense convolution at those cells.

    Args:
        inputs, outputs: channels.
        kernel_size, stride, padding: one number, or one for each axis. The defaults halve the resolution,
            ``floor(coordinate / 2)``, and run as a single multiplication.
        bias: whether to add one; only at the output cells.
        generator: source of the initial weights.

    Raises:
        ValueError: sizes that cannot be; see :class:`StridedGeometry`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel_size: int | Triple = 2,
        stride: int | Triple = 2,
        padding: int | Triple = 0,
        bias: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        geometry = StridedGeometry(kernel=triple(kernel_size), stride=triple(stride), padding=triple(padding))
        super().__init__(inputs, outputs, kernel_size=kernel_size, bias=bias, generator=generator)
        self.geometry = geometry

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Convolve to the cells that are reached.

        Raises:
            ValueError: the kernel does not fit into the grid, or cells leave the range of keys.
        """
        if tensor.cells.halved_by(self.geometry):
            cells = tensor.cells.coarser()
            features = tensor.backend.down(tensor.features, self.weight, tensor.cells.children())
        else:
            cells, rulebook = tensor.cells.strided(self.geometry)
            features = tensor.backend.strided(tensor.features, self.weight, rulebook)
        return SparseTensor(features=self.add_bias(features), cells=cells, backend=tensor.backend)

    def extra_repr(self) -> str:
        """Sizes, for printing."""
        return f"{super().extra_repr()}, stride={self.geometry.stride}, padding={self.geometry.padding}"


class InverseConv3d(SparseConvolution):
    """The way back of a :class:`StridedConv3d`, over the same rulebook, to the cells that it came from.

    ``out[i] = sum over the pairs (i, o) of offset k of weight[k]^T in[o]``: PyTorch's transposed convolution, at
    those cells only. Arguments are those of the strided convolution that it inverts.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        kernel_size: int | Triple = 2,
        stride: int | Triple = 2,
        padding: int | Triple = 0,
        bias: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        geometry = StridedGeometry(kernel=triple(kernel_size), stride=triple(stride), padding=triple(padding))
        super().__init__(inputs, outputs, kernel_size=kernel_size, bias=bias, generator=generator)
        self.geometry = geometry

    def forward(self, tensor: SparseTensor, finer: OccupiedCells) -> SparseTensor:
        """Convolve to the cells ``finer``, from which a strided convolution led to the tensor's cells.

        Raises:
            ValueError: the tensor's cells were not made from ``finer`` by this kernel, stride and padding.
        """
        if finer.reached_by(self.geometry) is not tensor.cells:
            raise ValueError(
                f"the tensor's {len(tensor.cells)} cells are not the coarser ones of the {len(finer)} cells "
                "asked for: pass the cells that the strided convolution started from"
            )
        if finer.halved_by(self.geometry):
            features = tensor.backend.up(tensor.features, self.weight, finer.children())
        else:
            rulebook = finer.strided(self.geometry)[1].inverse()
            features = tensor.backend.strided(tensor.features, self.weight, rulebook)
        return SparseTensor(features=self.add_bias(features), cells=finer, backend=tensor.backend)

    def extra_repr(self) -> str:
        """Sizes, for printing."""
        return f"{super().extra_repr()}, stride={self.geometry.stride}, padding={self.geometry.padding}"
