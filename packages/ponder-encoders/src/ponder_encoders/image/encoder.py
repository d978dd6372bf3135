"""From posed pictures to a feature volume: masking, image network, pyramid, lift."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ponder_encoders.image.backbone import ImageBackbone, ImageBackboneConfig
from ponder_encoders.image.cameras import CameraBatch
from ponder_encoders.image.lift import Lift, LiftedVolume
from ponder_encoders.image.masking import ImageMask, ImageMasking, ImageMaskingConfig
from ponder_encoders.image.pyramid import FeaturePyramid, FeaturePyramidConfig


class ImageEncoderConfig(BaseModel):
    """The parts of an :class:`ImageEncoder` that come before its lift."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: ImageBackboneConfig = Field(default=ImageBackboneConfig(), description="the image network")
    pyramid: FeaturePyramidConfig = Field(
        default=FeaturePyramidConfig(), description="joins its stages; the finest level is lifted"
    )
    masking: ImageMaskingConfig | None = Field(
        default=None, description="hide blocks of the images in training, as pre-training does"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedImages:
    """What an :class:`ImageEncoder` makes of posed pictures.

    Attributes:
        lifted: the volume, and what the lift says of depth.
        features: of each image, at the encoder's stride.
        mask: what was hidden of the images; ``None`` where nothing was.
    """

    lifted: LiftedVolume
    features: Float[Tensor, "batch cameras channels rows columns"]
    mask: ImageMask | None


class ImageEncoder(nn.Module):
    """``lift(pyramid(backbone(masked images)))``: a feature volume of each scene from its pictures (Eq. 10).

    Args:
        config: image network, pyramid and masking.
        make_lift: makes the lift, given the channels and the stride of the features that it will read.
        generator: source of the initial weights of network and pyramid; PyTorch's default where not given.
    """

    def __init__(
        self,
        config: ImageEncoderConfig,
        make_lift: Callable[[int, int], Lift],
        *,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.backbone = ImageBackbone(config.backbone, generator=generator)
        self.pyramid = FeaturePyramid(
            self.backbone.out_channels, self.backbone.strides, config.pyramid, generator=generator
        )
        self.masking = None
        if config.masking is not None:
            self.masking = ImageMasking(config.masking, color=self.backbone.mean_color)
        self.lift = make_lift(self.pyramid.out_channels, self.stride)

    @property
    def stride(self) -> int:
        """Image pixels for each pixel of the features that are lifted."""
        return self.backbone.strides[0]

    def forward(self, cameras: CameraBatch, generator: torch.Generator | None = None) -> EncodedImages:
        """Encode the pictures of every scene.

        Args:
            cameras: pictures and poses.
            generator: source of the mask; PyTorch's default where not given. Nothing is masked in evaluation.
        """
        images, mask = cameras.images, None
        if self.masking is not None and self.training:
            masked = self.masking(images, generator)
            images, mask = masked.images, masked.mask
        features = self.pyramid.finest(self.backbone(images))
        return EncodedImages(lifted=self.lift(features, cameras), features=features, mask=mask)
