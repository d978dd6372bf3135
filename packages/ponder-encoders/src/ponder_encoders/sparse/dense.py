"""Sparse tensors laid out as dense volumes."""

import torch
from jaxtyping import Float
from torch import Tensor

from ponder_encoders.sparse.keys import unpack_keys
from ponder_encoders.sparse.tensor import SparseTensor


def densify(tensor: SparseTensor, scenes: int) -> Float[Tensor, "batch channels X Y Z"]:
    """Lay a sparse tensor out over its grid; empty cells are zero.

    Args:
        tensor: its cells must be bounded by a grid's shape.
        scenes: number of scenes in the batch, those without cells included.

    Returns:
        A volume whose channels lie next to each other in memory (``channels_last_3d``). Gradients reach the
        features.

    Raises:
        ValueError: the cells are not bounded.
    """
    shape = tensor.cells.shape
    if shape is None:
        raise ValueError(
            f"the tensor's {len(tensor.cells)} cells may lie anywhere: give OccupiedCells the shape of their grid"
        )
    scene, coordinates = unpack_keys(tensor.cells.keys)
    x, y, z = coordinates.unbind(1)
    rows = ((scene * shape[0] + x) * shape[1] + y) * shape[2] + z
    channels = tensor.features.shape[1]
    volume = tensor.features.new_zeros(scenes * shape[0] * shape[1] * shape[2], channels)
    volume = torch.index_copy(volume, 0, rows, tensor.features)
    return volume.view(scenes, *shape, channels).permute(0, 4, 1, 2, 3)
