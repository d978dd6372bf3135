"""The volume of the cameras: pictures, an image network, and one of five ways to lift its features (Eq. 10)."""

import warnings
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from ponder_encoders.image.backbone import ImageBackboneConfig, RandomWeightsWarning, Weights
from ponder_encoders.image.bevdepth import BevDepth, BevDepthConfig
from ponder_encoders.image.bevformer import BevFormerLift, BevFormerLiftConfig
from ponder_encoders.image.depth_bins import DepthBinsConfig
from ponder_encoders.image.depth_supervision import depth_supervision
from ponder_encoders.image.encoder import ImageEncoder, ImageEncoderConfig
from ponder_encoders.image.lift import Lift
from ponder_encoders.image.lss import LiftSplat, LiftSplatConfig
from ponder_encoders.image.masking import ImageMaskingConfig
from ponder_encoders.image.projection import ProjectionLift
from ponder_encoders.image.pyramid import FeaturePyramidConfig
from ponder_encoders.image.uvtr import UvtrLift, UvtrLiftConfig
from ponder_encoders.image.voxel_grid import VoxelGrid
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, model_validator
from torch import Tensor, nn

from ponder_tasks.outdoor.image_batch import ImageBatch
from ponder_tasks.outdoor.image_window import ImageWindowConfig

LiftName = Literal["projection", "bevdet", "bevdepth", "bevformer", "uvtr"]
_HEADS = 8


class CameraVolumeConfig(BaseModel):
    """The camera branch. The defaults are the paper's, with UVTR's lift."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: ImageWindowConfig = Field(default=ImageWindowConfig(), description="what of each picture is read")
    backbone: str = Field(
        default="convnext_small",
        description="timm's name of the image network: convnext_tiny, _small, _base, _large or another",
    )
    weights: Weights = Field(
        default="timm",
        description="timm: pretrained ones, which timm may download; the path of a .safetensors or PyTorch file; "
        "random",
    )
    stages: tuple[NonNegativeInt, ...] = Field(
        default=(1, 2, 3), min_length=1, description="of the network, fine to coarse; the finest is lifted"
    )
    drop_path_rate: float = Field(default=0.0, ge=0, lt=1, description="stochastic depth in training")
    recompute: bool = Field(
        default=False, description="compute activations of the network again in training, to hold fewer"
    )
    pyramid: FeaturePyramidConfig = Field(
        default=FeaturePyramidConfig(normalise=True), description="joins the stages"
    )
    masking: ImageMaskingConfig | None = Field(
        default=ImageMaskingConfig(),
        description="blocks of the pictures hidden in training; null: none",
    )
    lift: LiftName = Field(
        default="uvtr",
        description="projection: Eq. 10 alone; bevdet: Lift-Splat; bevdepth: that with lens and supervised depth; "
        "bevformer; uvtr",
    )
    channels: PositiveInt = Field(
        default=64, description="of the volume; projection keeps those of the pyramid"
    )
    depth_bins: DepthBinsConfig = Field(default=DepthBinsConfig(), description="of bevdet, bevdepth and uvtr")
    depth_weight: float = Field(
        default=3.0, ge=0, description="of the LiDAR's depth as a target of bevdepth's; 0: not supervised"
    )
    layers: PositiveInt = Field(default=3, description="of bevformer")

    @model_validator(mode="after")
    def _check(self) -> "CameraVolumeConfig":
        if self.lift == "bevformer" and self.channels % (2 * _HEADS):
            raise ValueError(f"channels is {self.channels}, but bevformer needs a multiple of {2 * _HEADS}")
        return self

    @property
    def supervises_depth(self) -> bool:
        """Whether the batch has to hold depth."""
        return self.lift == "bevdepth" and self.depth_weight > 0

    @property
    def encoder(self) -> ImageEncoderConfig:
        """Network, pyramid and masking, as the encoder takes them."""
        return ImageEncoderConfig(
            backbone=ImageBackboneConfig(
                name=self.backbone,
                weights=self.weights,
                stages=self.stages,
                drop_path_rate=self.drop_path_rate,
                recompute=self.recompute,
            ),
            pyramid=self.pyramid,
            masking=self.masking,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraFeatures:
    """What the cameras say of each cell, and how far from the LiDAR's depths their own are (None: not asked)."""

    volume: Float[Tensor, "scenes channels x y z"]
    depth_loss: Float[Tensor, ""] | None


class CameraVolume(nn.Module):
    """``lift(pyramid(backbone(masked pictures)))`` over a fixed grid, zero where no camera looks.

    Args:
        config: the sizes and the lift.
        grid: cells of the volume, in the frame of the cameras' poses.

    Raises:
        ImportError: timm is not installed.
        ValueError: timm does not know the network, or its weights cannot be had.
    """

    def __init__(self, config: CameraVolumeConfig, grid: VoxelGrid) -> None:
        super().__init__()
        self.config = config
        with warnings.catch_warnings():
            # The default is pretrained weights: whoever asks for random ones knows.
            warnings.simplefilter("ignore", RandomWeightsWarning)
            self.encoder = ImageEncoder(
                config.encoder, lambda inputs, stride: build_lift(config, grid, inputs, stride)
            )
        for unread in self.encoder.pyramid.output[1:]:
            # Only the finest level is lifted; several processes would wait for gradients of the others.
            unread.requires_grad_(False)

    @property
    def out_channels(self) -> int:
        """Channels of the volume."""
        return volume_channels(self.config)

    def forward(self, images: ImageBatch, generator: torch.Generator | None = None) -> CameraFeatures:
        """Lift the pictures of every scene.

        Args:
            images: with depth, if the config supervises depth and the module is in training.
            generator: source of the mask; nothing is masked in evaluation.

        Raises:
            ValueError: depth is to be supervised, but the batch has none.
        """
        encoded = self.encoder(images.cameras(), generator)
        return CameraFeatures(
            volume=encoded.lifted.volume, depth_loss=self._depth_loss(encoded.lifted.depth_logits, images)
        )

    def _depth_loss(
        self, logits: Float[Tensor, "scenes cameras bins rows columns"] | None, images: ImageBatch
    ) -> Float[Tensor, ""] | None:
        if not self.training or not self.config.supervises_depth or logits is None:
            return None
        if images.depth is None:
            raise ValueError("bevdepth learns from depth, but the batch has none: prepare it with depth")
        return depth_supervision(logits, images.depth, self.config.depth_bins, stride=self.encoder.stride)


def volume_channels(config: CameraVolumeConfig) -> int:
    """Channels of the volume that this config lifts to."""
    return config.pyramid.channels if config.lift == "projection" else config.channels


def build_lift(config: CameraVolumeConfig, grid: VoxelGrid, in_channels: int, stride: int) -> Lift:
    """Return the lift of ``config`` for features of a number of channels and a stride."""
    channels, bins = config.channels, config.depth_bins
    match config.lift:
        case "projection":
            return ProjectionLift(grid=grid, stride=stride)
        case "bevdet":
            splat = LiftSplatConfig(in_channels=in_channels, out_channels=channels, bins=bins)
            return LiftSplat(splat, grid=grid, stride=stride)
        case "bevdepth":
            depth = BevDepthConfig(
                in_channels=in_channels, out_channels=channels, hidden_channels=channels, bins=bins
            )
            return BevDepth(depth, grid=grid, stride=stride)
        case "bevformer":
            queries = BevFormerLiftConfig(
                in_channels=in_channels,
                out_channels=channels,
                channels=channels,
                layers=config.layers,
                heads=_HEADS,
                feedforward_channels=2 * channels,
            )
            return BevFormerLift(queries, grid=grid, stride=stride)
        case "uvtr":
            sampled = UvtrLiftConfig(in_channels=in_channels, out_channels=channels, bins=bins)
            return UvtrLift(sampled, grid=grid, stride=stride)
