"""Rulebooks of convolutions that move to other cells: any kernel, stride and padding along each axis."""

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import torch
from jaxtyping import Bool, Int32, Int64
from torch import Tensor

from ponder_encoders.sparse.keys import AXIS_BITS, REACH, check_range, pack_keys, unpack_keys

Triple = tuple[int, int, int]
# One name for each length would hold all offsets to the same number of pairs: hence the underscores.
Pairs = list[tuple[Int64[Tensor, " _pairs"], Int64[Tensor, " _pairs"]]]


def triple(value: int | Triple) -> Triple:
    """One number for each axis: the same one three times where a single one is given."""
    return (value, value, value) if isinstance(value, int) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class StridedGeometry:
    """Which input cells an output cell reads: ``o * stride - padding + k`` for ``0 <= k < kernel``, along each axis.

    Attributes:
        kernel, stride, padding: of x, y and z, as in PyTorch's dense convolution.

    Raises:
        ValueError: sizes below 1, padding that is negative or not smaller than the kernel, or a kernel that
            reaches further than keys allow.
    """

    kernel: Triple
    stride: Triple
    padding: Triple

    def __post_init__(self) -> None:
        """Refuse what no layer can mean."""
        if min(self.kernel) < 1 or max(self.kernel) > REACH + 1 or min(self.stride) < 1:
            raise ValueError(
                f"a strided convolution needs kernel sizes of 1 to {REACH + 1} and strides of at least 1, "
                f"not kernel {self.kernel} with stride {self.stride}"
            )
        if any(not 0 <= pad < size for pad, size in zip(self.padding, self.kernel, strict=True)):
            raise ValueError(
                f"padding must be at least 0 and smaller than the kernel {self.kernel}, not {self.padding}"
            )

    @property
    def volume(self) -> int:
        """Number of offsets in the kernel."""
        return math.prod(self.kernel)

    def output_shape(self, shape: Triple) -> Triple:
        """Cells along each axis after the convolution of a grid of ``shape`` cells, as of a dense one.

        Raises:
            ValueError: the kernel does not fit into the padded grid.
        """
        x, y, z = (
            (cells + 2 * pad - size) // step + 1
            for cells, size, step, pad in zip(shape, self.kernel, self.stride, self.padding, strict=True)
        )
        if min(x, y, z) < 1:
            raise ValueError(
                f"a kernel {self.kernel} with padding {self.padding} does not fit into a grid of {shape} cells"
            )
        return x, y, z


HALVING = StridedGeometry(kernel=(2, 2, 2), stride=(2, 2, 2), padding=(0, 0, 0))


class PairTable:
    """Which input row feeds which output row, through which offset of a kernel.

    Attributes:
        pairs: for each offset the rows (of the inputs, of the outputs); no row occurs twice within one offset.
        inputs, outputs: number of rows on either side.
    """

    def __init__(self, pairs: Pairs, inputs: int, outputs: int) -> None:
        self.pairs = pairs
        self.inputs = inputs
        self.outputs = outputs

    @property
    def volume(self) -> int:
        """Number of offsets in the kernel."""
        return len(self.pairs)

    def turned(self) -> "PairTable":
        """The same pairs from outputs to inputs."""
        return PairTable([(outputs, inputs) for inputs, outputs in self.pairs], self.outputs, self.inputs)

    @cached_property
    def rows(self) -> Int32[Tensor, "outputs volume"]:
        """For each output and offset the row of the input, or the number of inputs where there is none."""
        device = self.pairs[0][0].device
        table = torch.full((self.outputs, self.volume), self.inputs, dtype=torch.int32, device=device)
        for offset, (inputs, outputs) in enumerate(self.pairs):
            table[outputs, offset] = inputs.to(torch.int32)
        return table

    @cached_property
    def padded_pairs(self) -> tuple[Int32[Tensor, "2 volume longest"], Int32[Tensor, " volume"]]:
        """:attr:`pairs` in one tensor, each offset filled up with -1, and the number of real ones."""
        device = self.pairs[0][0].device
        counts = [inputs.shape[0] for inputs, _ in self.pairs]
        longest = max(self.inputs, self.outputs)
        result = torch.full((2, self.volume, longest), -1, dtype=torch.int32, device=device)
        for offset, (inputs, outputs) in enumerate(self.pairs):
            result[0, offset, : counts[offset]] = inputs
            result[1, offset, : counts[offset]] = outputs
        return result, torch.tensor(counts, dtype=torch.int32, device=device)


@dataclass(frozen=True, slots=True, kw_only=True)
class StridedRulebook:
    """Pairs of a strided convolution, and the same the other way, which its gradient and its inverse follow."""

    there: PairTable
    back: PairTable

    def inverse(self) -> "StridedRulebook":
        """The rulebook of the inverse convolution, which shares its tables with this one."""
        return StridedRulebook(there=self.back, back=self.there)


def strided_rulebook(
    keys: Int64[Tensor, " inputs"], geometry: StridedGeometry, shape: Triple | None
) -> tuple[Int64[Tensor, " outputs"], StridedRulebook]:
    """Find every output cell that some input cell reaches, and the pairs between them.

    Input ``i`` reaches output ``o = (i + padding - k) / stride`` through offset ``k`` where that divides. The parts
    of an output's key that belong to each axis are worked out once for each size of the kernel, and added.

    Args:
        keys: sorted keys of the input cells.
        geometry: of the convolution.
        shape: cells of the output grid along each axis; outputs outside are dropped. None: outputs may lie
            anywhere, also at negative coordinates.

    Returns:
        Sorted keys of the outputs, possibly none, and the rulebook.

    Raises:
        ValueError: outputs leave the range of keys.
    """
    scene, coordinates = unpack_keys(keys)
    origin = pack_keys(scene, torch.zeros_like(coordinates))
    axes = [_reached(coordinates[:, axis], geometry, axis, shape) for axis in range(3)]
    rows, found = [], []
    for k in product(*(range(size) for size in geometry.kernel)):
        (x_hit, x), (y_hit, y), (z_hit, z) = (axes[axis][k[axis]] for axis in range(3))
        inputs = (x_hit & y_hit & z_hit).nonzero().squeeze(1)
        rows.append(inputs)
        found.append((origin + x + y + z).index_select(0, inputs))
    output_keys, output_rows = torch.unique(torch.cat(found), return_inverse=True)
    if output_keys.shape[0]:
        output_scene, outputs = unpack_keys(output_keys)
        check_range(outputs, int(output_scene.max()) + 1, "the outputs of a strided convolution span")
    lengths = [inputs.shape[0] for inputs in rows]
    pairs = list(zip(rows, output_rows.split(lengths), strict=True))
    there = PairTable(pairs, keys.shape[0], output_keys.shape[0])
    return output_keys, StridedRulebook(there=there, back=there.turned())


def _reached(
    coordinate: Int64[Tensor, " inputs"], geometry: StridedGeometry, axis: int, shape: Triple | None
) -> list[tuple[Bool[Tensor, " inputs"], Int64[Tensor, " inputs"]]]:
    """For each k of one axis: whether an input reaches an output, and what that adds to the origin's key."""
    stride, result = geometry.stride[axis], []
    for k in range(geometry.kernel[axis]):
        position = coordinate + (geometry.padding[axis] - k)
        output = position.div(stride, rounding_mode="floor")
        hit = output * stride == position
        if shape is not None:
            hit &= (output >= 0) & (output < shape[axis])
        result.append((hit, output * (1 << ((2 - axis) * AXIS_BITS))))
    return result
