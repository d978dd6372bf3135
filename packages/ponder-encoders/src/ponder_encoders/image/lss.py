"""Lift-Splat-Shoot (Philion & Fidler 2020), as BEVDet (Huang et al. 2021) lifts images: depth by probabilities."""

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from torch import Tensor, nn

from ponder_encoders.image.cameras import CameraBatch
from ponder_encoders.image.depth_bins import DepthBinsConfig
from ponder_encoders.image.depth_net import PointwiseDepthNet
from ponder_encoders.image.feature_cells import check_features
from ponder_encoders.image.lift import LiftedVolume
from ponder_encoders.image.splat import SplatPlan, plan_splat, splat
from ponder_encoders.image.voxel_grid import VoxelGrid


class LiftSplatConfig(BaseModel):
    """Sizes of a :class:`LiftSplat`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_channels: PositiveInt = Field(default=64, description="channels of the images' features")
    out_channels: PositiveInt = Field(default=64, description="channels of the volume")
    bins: DepthBinsConfig = Field(default=DepthBinsConfig(), description="depths at which a cell may lie")


class LiftSplat(nn.Module):
    """Each feature cell's context is spread along its ray by its depth distribution, and summed in voxels.

    Args:
        config: the sizes.
        grid: voxels of the volume.
        stride: pixels of the image for each feature cell.
        generator: source of the initial weights; PyTorch's default where not given.
    """

    def __init__(
        self,
        config: LiftSplatConfig | None = None,
        *,
        grid: VoxelGrid,
        stride: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        config = config if config is not None else LiftSplatConfig()
        self.config, self.grid, self.stride = config, grid, stride
        self.depth_net = PointwiseDepthNet(
            config.in_channels, config.bins.count, config.out_channels, generator=generator
        )

    @property
    def out_channels(self) -> int:
        """Channels of the volume."""
        return self.config.out_channels

    def plan(self, cameras: CameraBatch, rows: int, columns: int) -> SplatPlan:
        """Which points fall where: may be kept and given to :meth:`lift` again while cameras and poses stay."""
        return plan_splat(
            cameras, self.grid, self.config.bins, rows=rows, columns=columns, stride=self.stride
        )

    def forward(
        self, features: Float[Tensor, "batch cameras channels rows columns"], cameras: CameraBatch
    ) -> LiftedVolume:
        """Lift features of images into the grid.

        Returns:
            The volume, zero where no point falls, and the depth logits. Gradients reach features and all parameters,
            not the cameras.

        Raises:
            ValueError: features that do not fit the images, the stride or the config.
        """
        check_features(features, cameras, self.config.in_channels, self.stride)
        return self.lift(features, self.plan(cameras, features.shape[3], features.shape[4]))

    def lift(
        self, features: Float[Tensor, "batch cameras channels rows columns"], plan: SplatPlan
    ) -> LiftedVolume:
        """The learned part, over points already found; no shape depends on values."""
        found = self.depth_net(features)
        volume = splat(found.context, found.probability, plan)
        return LiftedVolume(volume=volume, depth_logits=found.depth_logits)
