"""Sparse convolution: sparse tensors, their rulebooks, layers, and the backends that compute them."""

from ponder_encoders.sparse.backend import BackendStatus, SparseBackend, available_backends, choose_backend
from ponder_encoders.sparse.convolution import InverseConv3d, StridedConv3d, SubmanifoldConv3d
from ponder_encoders.sparse.dense import densify
from ponder_encoders.sparse.pooling import SparseMaxPool3d
from ponder_encoders.sparse.tensor import CellOrder, OccupiedCells, SparseTensor, order_cells

__all__ = [
    "BackendStatus",
    "CellOrder",
    "InverseConv3d",
    "OccupiedCells",
    "SparseBackend",
    "SparseMaxPool3d",
    "SparseTensor",
    "StridedConv3d",
    "SubmanifoldConv3d",
    "available_backends",
    "choose_backend",
    "densify",
    "order_cells",
]
