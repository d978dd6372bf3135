"""VoxelNet: the sparse encoder of outdoor detectors (SECOND, CenterPoint, UVTR), LiDAR sweep to bird's-eye view."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator
from torch import Tensor, nn

from ponder_encoders.condition_norm import NormKind, normalised_and_rectified
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_encoders.norms import PointBatchNorm
from ponder_encoders.position_batch import PositionBatch
from ponder_encoders.sparse.backend import BackendName, check_backend, choose_backend
from ponder_encoders.sparse.convolution import StridedConv3d, SubmanifoldConv3d
from ponder_encoders.sparse.dense import densify
from ponder_encoders.sparse.pooling import SparseMaxPool3d
from ponder_encoders.sparse.strided_rulebook import StridedGeometry, Triple
from ponder_encoders.sparse.tensor import SparseTensor
from ponder_encoders.sparse_unet_stages import ResidualBlocks
from ponder_encoders.voxels import voxelize

_NUSCENES = {"lower": (-54.0, -54.0, -5.0), "upper": (54.0, 54.0, 3.0)}
_COMPRESSION = StridedGeometry(kernel=(1, 1, 3), stride=(1, 1, 2), padding=(0, 0, 0))


class VoxelNetConfig(BaseModel):
    """Sizes of a :class:`VoxelNet`. The defaults are the published encoder of CenterPoint and UVTR on nuScenes.

    Each strided convolution has kernel 3 and stride 2. With the published paddings and one cell of headroom the
    grid's heights are 41, 21, 11 and 5, and the last stage lies on 180 x 180 x 5 cells.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_channels: NonNegativeInt = Field(
        default=2, description="channels of PositionBatch.features: intensity and time"
    )
    grid: VoxelGrid = Field(
        default=VoxelGrid(**_NUSCENES, shape=(1440, 1440, 40)), description="the cells of a sweep"
    )
    headroom: NonNegativeInt = Field(
        default=1, description="empty cells above the grid, so that its height suits the strides"
    )
    pool: Triple | None = Field(
        default=None,
        description="size and stride of a sparse max-pooling after the first layer, for a finer grid",
    )
    channels: tuple[PositiveInt, ...] = Field(
        default=(16, 32, 64, 128), min_length=1, description="of each stage, from fine to coarse"
    )
    layers: tuple[NonNegativeInt, ...] = Field(
        default=(2, 2, 2, 2), description="residual blocks of each stage"
    )
    paddings: tuple[Triple, ...] = Field(
        default=((1, 1, 1), (1, 1, 1), (1, 1, 0)), description="of the convolutions between the stages"
    )
    out_channels: PositiveInt = Field(default=128, description="of the last layer")
    keep_height: bool = Field(
        default=False,
        description="last layer 1 x 1 x 1, as in UVTR, instead of one that halves the height",
    )
    norm_momentum: float = Field(
        default=0.01, gt=0, le=1, description="share of each batch in the running statistics"
    )
    backend: BackendName = Field(
        default="auto", description="what computes sparse convolutions; see available_backends()"
    )

    @model_validator(mode="after")
    def _check_stages(self) -> "VoxelNetConfig":
        stages = len(self.channels)
        if len(self.layers) != stages or len(self.paddings) != stages - 1:
            raise ValueError(
                f"{stages} stages need {stages} entries in layers and {stages - 1} in paddings, "
                f"not {len(self.layers)} and {len(self.paddings)}"
            )
        # Raises where a kernel does not fit.
        _ = self.out_shape
        return self

    @property
    def volume_shape(self) -> Triple:
        """Cells of the last stage along x, y and z."""
        x, y, z = self.grid.shape
        shape = (x, y, z + self.headroom)
        if self.pool is not None:
            shape = _pooling(self.pool).output_shape(shape)
        for padding in self.paddings:
            shape = _halving(padding).output_shape(shape)
        return shape

    @property
    def volume_grid(self) -> VoxelGrid:
        """The same box cut into :attr:`volume_shape` cells: where the last stage's cells lie, as UVTR reads them.

        Kernels of size 3 centre their outputs up to half an input cell beside these cells' centres.
        """
        return VoxelGrid(lower=self.grid.lower, upper=self.grid.upper, shape=self.volume_shape)

    @property
    def out_shape(self) -> Triple:
        """Cells of the last layer along x, y and z."""
        return self.volume_shape if self.keep_height else _COMPRESSION.output_shape(self.volume_shape)

    @property
    def bev_channels(self) -> int:
        """Channels of the bird's-eye view: those of the last layer at each of its heights."""
        return self.out_channels * self.out_shape[2]

    @classmethod
    def full(
        cls, in_channels: int = 2, backend: BackendName = "auto", *, keep_height: bool = False
    ) -> "VoxelNetConfig":
        """The published size: 0.075 x 0.075 x 0.2 m over [-54, 54]^2 x [-5, 3] m.

        With ``keep_height`` as in UVTR and UniPAD (there "HD"): 256 channels on 180 x 180 x 5 cells.
        """
        out_channels = 256 if keep_height else 128
        return cls(
            in_channels=in_channels, backend=backend, keep_height=keep_height, out_channels=out_channels
        )

    @classmethod
    def high_definition(cls, in_channels: int = 2, backend: BackendName = "auto") -> "VoxelNetConfig":
        """Cells half as wide, 0.0375 m, and a sparse max-pooling after the first layer; the maps are those of full."""
        return cls(
            in_channels=in_channels,
            grid=VoxelGrid(**_NUSCENES, shape=(2880, 2880, 40)),
            pool=(2, 2, 1),
            backend=backend,
        )

    @classmethod
    def small(cls, in_channels: int = 2, backend: BackendName = "auto") -> "VoxelNetConfig":
        """0.1 x 0.1 x 0.2 m over [-51.2, 51.2]^2 x [-5, 3] m, one block a stage, at most 64 channels."""
        return cls(
            in_channels=in_channels,
            grid=VoxelGrid(lower=(-51.2, -51.2, -5.0), upper=(51.2, 51.2, 3.0), shape=(1024, 1024, 40)),
            channels=(16, 32, 48, 64),
            layers=(1, 1, 1, 1),
            out_channels=64,
            backend=backend,
        )

    @classmethod
    def tiny(cls, in_channels: int = 2, backend: BackendName = "auto") -> "VoxelNetConfig":
        """0.4 x 0.4 x 0.2 m over [-6.4, 6.4]^2 x [-5, 3] m, at most 24 channels: for tests and first tries."""
        return cls(
            in_channels=in_channels,
            grid=VoxelGrid(lower=(-6.4, -6.4, -5.0), upper=(6.4, 6.4, 3.0), shape=(32, 32, 40)),
            channels=(8, 12, 16, 24),
            layers=(1, 1, 1, 1),
            out_channels=24,
            backend=backend,
        )


def _halving(padding: Triple) -> StridedGeometry:
    return StridedGeometry(kernel=(3, 3, 3), stride=(2, 2, 2), padding=padding)


def _pooling(size: Triple) -> StridedGeometry:
    return StridedGeometry(kernel=size, stride=size, padding=(0, 0, 0))


@dataclass(frozen=True, slots=True, kw_only=True)
class VoxelNetFeatures:
    """What a :class:`VoxelNet` knows of a batch; dense maps are laid out when asked for.

    Attributes:
        stages: sparse features after each stage, from fine to coarse.
        last: sparse features after the last layer.
        keep_height: whether the last layer kept the height.
        scenes: number of scenes in the batch.
        dropped: number of points outside the grid.
    """

    stages: tuple[SparseTensor, ...]
    last: SparseTensor
    keep_height: bool
    scenes: int
    dropped: int

    def volume(self) -> Float[Tensor, "batch channels X Y Z"]:
        """Features before the height is compressed, over ``config.volume_grid``: the last stage's, or with
        ``keep_height`` the last layer's."""
        return densify(self.last if self.keep_height else self.stages[-1], self.scenes)

    def bev(self) -> Float[Tensor, "batch bev_channels X Y"]:
        """The last layer seen from above: heights become channels, a channel's heights next to each other."""
        return densify(self.last, self.scenes).permute(0, 1, 4, 2, 3).flatten(1, 2)


class Junction(nn.Module):
    """A convolution that halves the resolution, with its norm."""

    def __init__(
        self, inputs: int, outputs: int, padding: Triple, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.convolution = StridedConv3d(
            inputs, outputs, kernel_size=3, stride=2, padding=padding, generator=generator
        )
        self.norm = PointBatchNorm(outputs)

    def forward(self, tensor: SparseTensor) -> SparseTensor:
        """Convolve to the coarser cells, normalise, rectify."""
        return normalised_and_rectified(self.norm, self.convolution(tensor), None)


class VoxelNet(nn.Module):
    """Sparse encoder of LiDAR sweeps, over the occupied cells of a bounded grid (Yan et al. 2018; Yin et al. 2021).

    The mean of each cell's points goes through a submanifold convolution, then stages of residual blocks between
    strided convolutions, then a last layer that compresses the height (or keeps it). Scenes of one batch never mix,
    except through batch normalisation in training.

    Args:
        config: the sizes.
        generator: source of the initial weights; PyTorch's default where not given.

    Raises:
        ValueError: the configured backend is not installed.
    """

    def __init__(
        self, config: VoxelNetConfig | None = None, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        config = config if config is not None else VoxelNetConfig()
        check_backend(config.backend)
        self.config = config
        channels, norms = config.channels, NormKind()
        self.stem = SubmanifoldConv3d(3 + config.in_channels, channels[0], generator=generator)
        self.stem_norm = PointBatchNorm(channels[0])
        self.pool = None
        if config.pool is not None:
            self.pool = SparseMaxPool3d(kernel_size=config.pool, stride=config.pool)
        self.stages = nn.ModuleList(
            ResidualBlocks(width, width, layers, norms, generator)
            for width, layers in zip(channels, config.layers, strict=True)
        )
        self.junctions = nn.ModuleList(
            Junction(channels[i], channels[i + 1], padding, generator)
            for i, padding in enumerate(config.paddings)
        )
        if config.keep_height:
            self.last = SubmanifoldConv3d(
                channels[-1], config.out_channels, kernel_size=1, generator=generator
            )
        else:
            self.last = StridedConv3d(
                channels[-1],
                config.out_channels,
                kernel_size=_COMPRESSION.kernel,
                stride=_COMPRESSION.stride,
                padding=_COMPRESSION.padding,
                generator=generator,
            )
        self.last_norm = PointBatchNorm(config.out_channels)
        for module in self.modules():
            if isinstance(module, PointBatchNorm):
                module.momentum = config.norm_momentum

    def forward(self, batch: PositionBatch) -> VoxelNetFeatures:
        """Encode a batch of sweeps.

        Args:
            batch: packed points in the frame of the grid; scenes may have none, points may lie outside.

        Returns:
            Sparse features of every stage; ``bev()`` and ``volume()`` lay them out. Gradients reach the batch's
            positions and features and all parameters.

        Raises:
            ValueError: no point inside the grid, or the wrong number of channels.
        """
        if batch.features.shape[1] != self.config.in_channels:
            raise ValueError(
                f"this VoxelNet reads {self.config.in_channels} channels, "
                f"but features have {batch.features.shape[1]}"
            )
        voxels = voxelize(batch, self.config.grid, self.config.headroom)
        backend = choose_backend(self.config.backend, batch.features.device)
        stages = self.encode(SparseTensor(features=voxels.features, cells=voxels.cells, backend=backend))
        return VoxelNetFeatures(
            stages=stages,
            last=normalised_and_rectified(self.last_norm, self.last(stages[-1]), None),
            keep_height=self.config.keep_height,
            scenes=voxels.scenes,
            dropped=voxels.dropped,
        )

    def encode(self, tensor: SparseTensor) -> tuple[SparseTensor, ...]:
        """Features after each stage, of mean features of occupied cells."""
        tensor = normalised_and_rectified(self.stem_norm, self.stem(tensor), None)
        if self.pool is not None:
            tensor = self.pool(tensor)
        stages = []
        for index, stage in enumerate(self.stages):
            tensor = stage(tensor if index == 0 else self.junctions[index - 1](tensor))
            stages.append(tensor)
        return tuple(stages)
