"""UVTR's lift (Li et al. 2022): voxels look up features of images, weighted by the probability of their depth."""

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from torch import Tensor, nn

from ponder_encoders.image.cameras import CameraBatch
from ponder_encoders.image.depth_bins import DepthBinsConfig
from ponder_encoders.image.depth_net import PointwiseDepthNet
from ponder_encoders.image.feature_cells import check_features
from ponder_encoders.image.lift import LiftedVolume
from ponder_encoders.image.voxel_grid import VoxelGrid
from ponder_encoders.image.voxel_sampling import (
    CameraReduction,
    VoxelSamplingPlan,
    plan_voxel_sampling,
    sample_voxels,
)


class UvtrLiftConfig(BaseModel):
    """Sizes of a :class:`UvtrLift`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_channels: PositiveInt = Field(default=64, description="channels of the images' features")
    out_channels: PositiveInt = Field(default=64, description="channels of the volume")
    bins: DepthBinsConfig = Field(default=DepthBinsConfig(), description="depths at which a cell may lie")
    reduce: CameraReduction = Field(default="mean", description="over the cameras that see a voxel")


class UvtrLift(nn.Module):
    """Every voxel's centre is projected into each camera, and takes the feature times its depth's probability there.

    Unlike splatting, every voxel that a camera sees gets something, however fine the grid.

    Args:
        config: the sizes.
        grid: voxels of the volume.
        stride: pixels of the image for each feature cell.
        generator: source of the initial weights; PyTorch's default where not given.
    """

    def __init__(
        self,
        config: UvtrLiftConfig | None = None,
        *,
        grid: VoxelGrid,
        stride: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        config = config if config is not None else UvtrLiftConfig()
        self.config, self.grid, self.stride = config, grid, stride
        self.depth_net = PointwiseDepthNet(
            config.in_channels, config.bins.count, config.out_channels, generator=generator
        )

    @property
    def out_channels(self) -> int:
        """Channels of the volume."""
        return self.config.out_channels

    def plan(self, cameras: CameraBatch, rows: int, columns: int) -> VoxelSamplingPlan:
        """What each voxel sees: may be kept and given to :meth:`lift` again while cameras and poses stay."""
        return plan_voxel_sampling(
            cameras,
            self.grid,
            self.config.bins,
            rows=rows,
            columns=columns,
            stride=self.stride,
            reduce=self.config.reduce,
        )

    def forward(
        self, features: Float[Tensor, "batch cameras channels rows columns"], cameras: CameraBatch
    ) -> LiftedVolume:
        """Lift features of images into the grid.

        Returns:
            The volume, zero where no camera sees, and the depth logits. Gradients reach features and all parameters,
            not the cameras.

        Raises:
            ValueError: features that do not fit the images, the stride or the config.
        """
        check_features(features, cameras, self.config.in_channels, self.stride)
        return self.lift(features, self.plan(cameras, features.shape[3], features.shape[4]))

    def lift(
        self, features: Float[Tensor, "batch cameras channels rows columns"], plan: VoxelSamplingPlan
    ) -> LiftedVolume:
        """The learned part, over voxels already found; no shape depends on values."""
        found = self.depth_net(features)
        volume = sample_voxels(found.context, found.probability, plan)
        return LiftedVolume(volume=volume, depth_logits=found.depth_logits)
