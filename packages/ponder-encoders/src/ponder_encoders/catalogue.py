"""The encoders of this package by name and size, for who wants to try one after the other.

Names are for the command line and for notebooks; code that knows what it wants imports the class.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel
from torch import nn

from ponder_encoders.dgcnn import Dgcnn, DgcnnConfig
from ponder_encoders.pointnet2 import PointNet2, PointNet2Config
from ponder_encoders.sparse_unet import SparseUNet, SparseUNetConfig
from ponder_encoders.suggestions import nearest_name
from ponder_encoders.voxelnet import VoxelNet, VoxelNetConfig

EncoderName = Literal["sparse-unet", "voxelnet", "dgcnn", "pointnet2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderInfo:
    """An encoder and the sizes it comes in.

    Attributes:
        name: as ``create_encoder`` takes it.
        encoder: its class.
        sizes: named sizes, the published one first; each is a class method of the config.
        reads: what ``forward`` takes.
        gives: what ``forward`` returns.
    """

    name: EncoderName
    encoder: type[nn.Module]
    sizes: Mapping[str, Callable[..., BaseModel]]
    reads: str
    gives: str


def list_encoders() -> tuple[EncoderInfo, ...]:
    """Return every encoder of packed points. Encoders of images are ``ponder_encoders.image.encoder``'s."""
    return (
        EncoderInfo(
            name="sparse-unet",
            encoder=SparseUNet,
            sizes={
                "full": SparseUNetConfig.full,
                "base": SparseUNetConfig.base,
                "small": SparseUNetConfig.small,
                "tiny": SparseUNetConfig.tiny,
            },
            reads="PointBatch: one point in a cell",
            gives="a feature for each point",
        ),
        EncoderInfo(
            name="voxelnet",
            encoder=VoxelNet,
            sizes={
                "full": VoxelNetConfig.full,
                "high-definition": VoxelNetConfig.high_definition,
                "small": VoxelNetConfig.small,
                "tiny": VoxelNetConfig.tiny,
            },
            reads="PositionBatch: a LiDAR sweep, in metres",
            gives="VoxelNetFeatures: a bird's-eye view, a volume, and the sparse features of every stage",
        ),
        EncoderInfo(
            name="dgcnn",
            encoder=Dgcnn,
            sizes={"full": DgcnnConfig.full, "small": DgcnnConfig.small, "tiny": DgcnnConfig.tiny},
            reads="PositionBatch: points anywhere, in metres",
            gives="a feature for each point",
        ),
        EncoderInfo(
            name="pointnet2",
            encoder=PointNet2,
            sizes={
                "full": PointNet2Config.full,
                "full-per-point": PointNet2Config.full_per_point,
                "small": PointNet2Config.small,
                "tiny": PointNet2Config.tiny,
            },
            reads="PositionBatch: points anywhere, in metres",
            gives="Seeds: some points of each scene with features; encode_points gives a feature for each point",
        ),
    )


def create_encoder(
    name: EncoderName | str, *, size: str = "full", in_channels: int | None = None, **settings: Any
) -> nn.Module:
    """Build an encoder with new weights.

    Args:
        name: one of ``list_encoders()``.
        size: one of its sizes.
        in_channels: channels of the points' features; the config's own number where not given.
        settings: further fields of its config, such as ``backend="torch"`` or ``conditions=("ScanNet", "S3DIS")``.

    Raises:
        ValueError: an unknown name, size or setting (the nearest right one is named), or values that do not fit.
    """
    known = {info.name: info for info in list_encoders()}
    if name not in known:
        raise ValueError(f"there is no encoder {name!r}: {nearest_name(name, known)}")
    info = known[name]
    if size not in info.sizes:
        raise ValueError(f"{name} has no size {size!r}: {nearest_name(size, info.sizes)}")
    config = info.sizes[size]() if in_channels is None else info.sizes[size](in_channels=in_channels)
    fields = type(config).model_fields
    for setting in settings:
        if setting not in fields:
            raise ValueError(f"{name} has no setting {setting!r}: {nearest_name(setting, fields)}")
    values = {field: getattr(config, field) for field in fields}
    return info.encoder(type(config).model_validate({**values, **settings}))
