"""BEVDepth (Li et al. 2022): Lift-Splat whose depth knows the camera, and is taught by measured depth."""

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from ponder_encoders.image.camera_depth_net import CameraDepthNet
from ponder_encoders.image.cameras import CameraBatch
from ponder_encoders.image.depth_bins import DepthBinsConfig
from ponder_encoders.image.feature_cells import check_features
from ponder_encoders.image.lift import LiftedVolume
from ponder_encoders.image.splat import SplatPlan, plan_splat, splat
from ponder_encoders.image.voxel_grid import VoxelGrid


class BevDepthConfig(BaseModel):
    """Sizes of a :class:`BevDepth`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_channels: PositiveInt = Field(default=64, description="channels of the images' features")
    out_channels: PositiveInt = Field(default=64, description="channels of the volume")
    hidden_channels: PositiveInt = Field(default=64, description="channels of the depth network")
    blocks: NonNegativeInt = Field(default=3, description="residual blocks of the depth network")
    bins: DepthBinsConfig = Field(default=DepthBinsConfig(), description="depths at which a cell may lie")


class BevDepth(nn.Module):
    """As :class:`LiftSplat`, with depth and context from a :class:`CameraDepthNet`.

    Its depth logits are meant for :func:`depth_supervision`: add that to the loss where depth is measured.

    Args:
        config: the sizes.
        grid: voxels of the volume.
        stride: pixels of the image for each feature cell.
        generator: source of the initial weights; PyTorch's default where not given.
    """

    def __init__(
        self,
        config: BevDepthConfig | None = None,
        *,
        grid: VoxelGrid,
        stride: int,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        config = config if config is not None else BevDepthConfig()
        self.config, self.grid, self.stride = config, grid, stride
        self.depth_net = CameraDepthNet(
            config.in_channels,
            config.bins.count,
            config.out_channels,
            hidden=config.hidden_channels,
            blocks=config.blocks,
            generator=generator,
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
            and intrinsics through the gates alone.

        Raises:
            ValueError: features that do not fit the images, the stride or the config.
        """
        check_features(features, cameras, self.config.in_channels, self.stride)
        return self.lift(features, cameras, self.plan(cameras, features.shape[3], features.shape[4]))

    def lift(
        self,
        features: Float[Tensor, "batch cameras channels rows columns"],
        cameras: CameraBatch,
        plan: SplatPlan,
    ) -> LiftedVolume:
        """The learned part, over points already found; no shape depends on values."""
        found = self.depth_net(features, cameras)
        volume = splat(found.context, found.probability, plan)
        return LiftedVolume(volume=volume, depth_logits=found.depth_logits)
