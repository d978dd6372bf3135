"""SparseUNet without gradients in little memory: norms folded into kernels, and sums added where they belong.

Beside the rulebooks, no more is alive than what the encoder keeps for the decoder and two matrices of features:
a block's input, to which its result is added, and what lies between its two convolutions. The decoder never joins
its features with the encoder's; each kernel is cut in two instead. Where a textbook block holds its input, the joined
input, both inner results and their normalised copies, memory is several times larger.

Matrices of features have one more row, of zeros, which missing neighbours read.
"""

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from ponder_encoders.condition_norm import ConditionNorm
from ponder_encoders.conditions import SceneConditions
from ponder_encoders.norms import PointBatchNorm
from ponder_encoders.sparse.backend_torch import TorchBackend, is_wide
from ponder_encoders.sparse.rulebook import ChildTable, NeighbourTable
from ponder_encoders.sparse.tensor import OccupiedCells, SparseTensor
from ponder_encoders.sparse.torch_columns import add_columns_product, chunk_rows, spans, with_zero_row
from ponder_encoders.sparse.torch_pairs import add_pairs_product
from ponder_encoders.sparse_unet_stages import DecoderStage, EncoderStage, ResidualBlock, Stem

if TYPE_CHECKING:
    from ponder_encoders.sparse_unet import SparseUNet

Norm = PointBatchNorm | ConditionNorm
# A matrix of features, its last row zero, and a kernel or linear layer that a norm follows: (kernel, shift).
Padded = Float[Tensor, "_cells_and_1 _channels"]
Folded = tuple[Float[Tensor, "_volume _inputs _outputs"], Float[Tensor, " _outputs"]]


def runs_in_place(network: "SparseUNet", tensor: SparseTensor, conditions: SceneConditions | None) -> bool:
    """Whether :func:`encode_decode_in_place` computes what the network does here.

    In evaluation without gradients, on the torch backend, outside autocast, and with one condition for all scenes.
    """
    return (
        not network.training
        and not torch.is_grad_enabled()
        and isinstance(tensor.backend, TorchBackend)
        and not torch.is_autocast_enabled(tensor.features.device.type)
        and tensor.features.dtype in (torch.float32, torch.float64)
        and (conditions is None or len(conditions.present()) == 1)
    )


def encode_decode_in_place(
    network: "SparseUNet", tensor: SparseTensor, conditions: SceneConditions | None
) -> SparseTensor:
    """What ``network.encode_decode`` computes, up to rounding; see :func:`runs_in_place`. The tensor is left alone."""
    cells, kept = tensor.cells, []
    features = _stem(tensor, network.stem, conditions)
    for stage in network.encoder:
        assert isinstance(stage, EncoderStage), "a network's encoder holds encoder stages"
        kept.append((cells, features))
        neighbours = _neighbours(cells.coarser(), stage)
        features = _down(features, _folded(stage.down.weight, stage.norm, conditions), cells.children())
        cells = cells.coarser()
        for block in _blocks(stage):
            _add_block([features], block, conditions, neighbours)
    for stage in network.decoder:
        assert isinstance(stage, DecoderStage), "a network's decoder holds decoder stages"
        cells, skip = kept.pop()
        neighbours = _neighbours(cells, stage)
        features = _up(features, _folded(stage.up.weight, stage.norm, conditions), cells.children())
        for index, block in enumerate(_blocks(stage)):
            parts = [features, skip] if index == 0 else [features]
            _add_block(parts, block, conditions, neighbours)
    return SparseTensor(features=features[:-1], cells=cells, backend=tensor.backend)


def _stem(tensor: SparseTensor, stem: Stem, conditions: SceneConditions | None) -> Padded:
    kernel, shift = _folded(stem.convolution.weight, stem.norm, conditions)
    neighbours = tensor.cells.neighbours(stem.convolution.kernel_size[0], tensor.backend)
    features = _filled(shift, neighbours.cells)
    _add_convolution(features, with_zero_row(tensor.features), kernel, neighbours)
    return torch.relu_(features)


def _blocks(stage: EncoderStage | DecoderStage) -> list[ResidualBlock]:
    return [block for block in stage.blocks if isinstance(block, ResidualBlock)]


def _neighbours(cells: OccupiedCells, stage: EncoderStage | DecoderStage) -> NeighbourTable:
    """The rulebook of a stage's blocks, complete before its features are, so that what builds it is gone by then."""
    neighbours = cells.neighbours(3, TorchBackend())
    if any(is_wide(block.convolution2.weight) for block in _blocks(stage)):
        _ = neighbours.pairs
    return neighbours


def _folded(
    weight: Float[Tensor, "volume inputs outputs"], norm: Norm, conditions: SceneConditions | None
) -> Folded:
    """A kernel and the norm after it, as a kernel and a shift."""
    if isinstance(norm, ConditionNorm):
        assert conditions is not None, "a network with conditions passes them to its norms"
        (index,) = conditions.present()
        norm, (scale, shift) = norm.norm_of(index), norm.affine(index, conditions.context)
    else:
        scale, shift = norm.weight, norm.bias
    assert norm.running_mean is not None, "a PointBatchNorm always tracks statistics"
    assert norm.running_var is not None, "a PointBatchNorm always tracks statistics"
    scale = scale * (norm.running_var + norm.eps).rsqrt()
    return weight * scale, shift - norm.running_mean * scale


def _filled(shift: Float[Tensor, " channels"], rows: int) -> Padded:
    """``rows`` times the shift, and a row of zeros."""
    matrix = shift.new_empty(rows + 1, shift.shape[0])
    matrix[:-1] = shift
    matrix[-1] = 0
    return matrix


def _add_convolution(
    result: Padded,
    source: Padded,
    kernel: Float[Tensor, "volume inputs outputs"],
    neighbours: NeighbourTable,
) -> None:
    if is_wide(kernel):
        add_pairs_product(result[:-1], source[:-1], kernel, neighbours)
    else:
        add_columns_product(result[:-1], source, kernel, neighbours.rows)


def _add_block(
    parts: list[Padded],
    block: ResidualBlock,
    conditions: SceneConditions | None,
    neighbours: NeighbourTable,
) -> None:
    """A residual block of the parts side by side; its result replaces the first."""
    widths = [part.shape[1] for part in parts]
    kernel, shift = _folded(block.convolution1.weight, block.norm1, conditions)
    inner = _filled(shift, neighbours.cells)
    for part, own in zip(parts, kernel.split(widths, dim=1), strict=True):
        _add_convolution(inner, part, own.contiguous(), neighbours)
    torch.relu_(inner)
    features = parts[0]
    if block.shortcut is not None and block.shortcut_norm is not None:
        _replace_by_shortcut(parts, _folded(block.shortcut.weight, block.shortcut_norm, conditions))
    kernel, shift = _folded(block.convolution2.weight, block.norm2, conditions)
    features[:-1] += shift
    _add_convolution(features, inner, kernel, neighbours)
    torch.relu_(features)


def _replace_by_shortcut(parts: list[Padded], shortcut: Folded) -> None:
    """The linear layer of the parts side by side, written over the first, rows by rows."""
    (matrix,), shift = shortcut
    features, rows = parts[0], parts[0].shape[0] - 1
    matrices = matrix.split([part.shape[1] for part in parts])
    for span in spans(rows, chunk_rows(rows, matrix.numel() * features.element_size(), features.device)):
        value = shift.expand(span.stop - span.start, -1)
        for part, own in zip(parts, matrices, strict=True):
            value = torch.addmm(value, part[span], own)
        features[span] = value


def _down(source: Padded, folded: Folded, table: ChildTable) -> Padded:
    """The halving convolution, rectified."""
    kernel, shift = folded
    result = _filled(shift, table.children.shape[0])
    add_columns_product(result[:-1], source, kernel, table.children)
    return torch.relu_(result)


def _up(coarse: Padded, folded: Folded, table: ChildTable) -> Padded:
    """Its inverse, rectified: some coarse cells with all eight slots at a time; small cells pick theirs."""
    kernel, shift = folded
    slots, inputs, outputs = kernel.shape
    fine, rows = table.parent.shape[0], coarse.shape[0] - 1
    matrix = kernel.permute(1, 0, 2).reshape(inputs, slots * outputs)
    result = _filled(shift, fine)
    for span in spans(rows, chunk_rows(rows, matrix.shape[1] * coarse.element_size(), coarse.device)):
        products = torch.mm(coarse[span], matrix).view(-1, outputs)
        children = table.children[span].reshape(-1)
        there = (children < fine).nonzero().squeeze(1)
        result.index_add_(0, children[there], products.index_select(0, there))
    return torch.relu_(result)
