"""3D encoders on any device: packed points in, one feature for each point out. See README.md."""

from ponder_encoders.catalogue import EncoderInfo, create_encoder, list_encoders
from ponder_encoders.checkpoints import PublishedConditions
from ponder_encoders.condition_folding import fold_condition
from ponder_encoders.dgcnn import Dgcnn, DgcnnConfig
from ponder_encoders.extraction import frozen
from ponder_encoders.plasticity import restore_plasticity
from ponder_encoders.point_batch import PointBatch
from ponder_encoders.pointnet2 import PointNet2, PointNet2Config, Seeds
from ponder_encoders.position_batch import PositionBatch
from ponder_encoders.ppt_segmenter import PPTSegmenter, PPTSegmenterConfig
from ponder_encoders.sparse.backend import BackendStatus, available_backends
from ponder_encoders.sparse_unet import SparseUNet, SparseUNetConfig
from ponder_encoders.voxelnet import VoxelNet, VoxelNetConfig, VoxelNetFeatures
from ponder_encoders.voxels import Voxels, voxelize

__all__ = [
    "BackendStatus",
    "Dgcnn",
    "DgcnnConfig",
    "EncoderInfo",
    "PPTSegmenter",
    "PPTSegmenterConfig",
    "PointBatch",
    "PointNet2",
    "PointNet2Config",
    "PositionBatch",
    "PublishedConditions",
    "Seeds",
    "SparseUNet",
    "SparseUNetConfig",
    "VoxelNet",
    "VoxelNetConfig",
    "VoxelNetFeatures",
    "Voxels",
    "available_backends",
    "create_encoder",
    "fold_condition",
    "frozen",
    "list_encoders",
    "restore_plasticity",
    "voxelize",
]
