"""Masking of images in blocks, as masked autoencoders do (He et al. 2022): what is hidden has to be inferred."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from pydantic import BaseModel, ConfigDict, Field, PositiveInt
from torch import Tensor, nn


class ImageMaskingConfig(BaseModel):
    """How much of each image is hidden. The defaults are the paper's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    block: PositiveInt = Field(default=32, description="pixels of a block's side")
    ratio: float = Field(default=0.3, ge=0, lt=1, description="share of the blocks of every image")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMask:
    """What is hidden of each image.

    Attributes:
        blocks: hidden blocks; those at the lower and right border may be cut by it.
        pixels: the same for each pixel.
    """

    blocks: Bool[Tensor, "batch cameras block_rows block_columns"]
    pixels: Bool[Tensor, "batch cameras height width"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedImages:
    """Images of which a part is hidden."""

    images: Float[Tensor, "batch cameras 3 height width"]
    mask: ImageMask


def draw_image_mask(
    images: Float[Tensor, "batch cameras 3 height width"],
    config: ImageMaskingConfig,
    generator: torch.Generator | None = None,
) -> ImageMask:
    """Hide the same number of blocks, ``round(ratio * blocks)``, of every image, each set of blocks as likely.

    Blocks start at the upper left corner. Where sides are no multiples of a block, those at the lower and right border
    are cut, and count as whole ones; so the share of hidden *pixels* is ``ratio`` on average, not in each image.

    Args:
        images: only their shape and device matter.
        config: size and share of the blocks.
        generator: source of the choice, on any device; PyTorch's default where not given.
    """
    batch, cameras, _, height, width = images.shape
    rows, columns = math.ceil(height / config.block), math.ceil(width / config.block)
    hidden = round(config.ratio * rows * columns)
    device = generator.device if generator is not None else images.device
    order = torch.rand(batch, cameras, rows * columns, generator=generator, device=device).to(images.device)
    chosen = order.argsort(dim=-1)[..., :hidden]
    flat = torch.zeros(batch, cameras, rows * columns, dtype=torch.bool, device=images.device)
    blocks = flat.scatter(-1, chosen, True).view(batch, cameras, rows, columns)
    pixels = blocks.repeat_interleave(config.block, dim=2).repeat_interleave(config.block, dim=3)
    return ImageMask(blocks=blocks, pixels=pixels[..., :height, :width])


class ImageMasking(nn.Module):
    """Replaces the hidden blocks of images by one learned colour.

    Args:
        config: size and share of the blocks.
        color: the colour to begin with, RGB in [0, 1]; best the mean that the network's normalisation makes zero.
    """

    def __init__(
        self, config: ImageMaskingConfig | None = None, *, color: tuple[float, float, float] = (0.5, 0.5, 0.5)
    ) -> None:
        super().__init__()
        self.config = config if config is not None else ImageMaskingConfig()
        self.token = nn.Parameter(torch.tensor(color))

    def forward(
        self,
        images: Float[Tensor, "batch cameras 3 height width"],
        generator: torch.Generator | None = None,
    ) -> MaskedImages:
        """Draw a mask and hide what it says; gradients reach the token, and the images where they are seen."""
        mask = draw_image_mask(images, self.config, generator)
        token = self.token.to(images.dtype).view(3, 1, 1)
        return MaskedImages(images=torch.where(mask.pixels[:, :, None], token, images), mask=mask)
