"""Masks of images: how much, where, and that nothing else changes."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from ponder_encoders.image.masking import ImageMasking, ImageMaskingConfig, draw_image_mask
from pydantic import ValidationError


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=20, deadline=None)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    block=st.integers(1, 33),
    ratio=st.floats(0, 0.99),
    seed=st.integers(0, 5),
)
def test_every_image_loses_the_same_number_of_blocks(
    height: int, width: int, block: int, ratio: float, seed: int
) -> None:
    config = ImageMaskingConfig(block=block, ratio=ratio)
    mask = draw_image_mask(torch.zeros(2, 3, 3, height, width), config, seeded(seed))
    rows, columns = -(-height // block), -(-width // block)
    assert mask.blocks.shape == (2, 3, rows, columns)
    assert (mask.blocks.sum(dim=(2, 3)) == round(ratio * rows * columns)).all()
    row, column = torch.arange(height) // block, torch.arange(width) // block
    assert torch.equal(mask.pixels, mask.blocks[:, :, row][..., column])


def test_masks_follow_the_generator_and_differ_between_images() -> None:
    images, config = torch.zeros(1, 2, 3, 900, 1600), ImageMaskingConfig()
    one, other = (draw_image_mask(images, config, seeded(0)) for _ in range(2))
    assert torch.equal(one.pixels, other.pixels)
    assert not torch.equal(one.blocks, draw_image_mask(images, config, seeded(1)).blocks)
    assert not torch.equal(one.blocks[0, 0], one.blocks[0, 1])
    # 900 is no multiple of 32: 29 rows of blocks, the last of four pixels.
    assert one.blocks.shape == (1, 2, 29, 50)
    assert one.blocks.sum(dim=(2, 3)).tolist() == [[435, 435]]


def test_every_block_is_as_likely() -> None:
    mask = draw_image_mask(torch.zeros(1, 4000, 3, 5, 7), ImageMaskingConfig(block=2), seeded(3))
    share = mask.blocks.float().mean(dim=(0, 1))
    # 4 of 12 blocks; four standard deviations of a share of 4000 draws.
    assert (share - 4 / 12).abs().max() < 4 * (1 / 3 * 2 / 3 / 4000) ** 0.5


def test_hidden_pixels_take_the_token_and_others_stay() -> None:
    images = torch.rand(2, 2, 3, 50, 70, generator=seeded(0))
    masking = ImageMasking(ImageMaskingConfig(block=16, ratio=0.5), color=(0.1, 0.2, 0.3))
    masked = masking(images, seeded(1))
    hidden = masked.mask.pixels
    pixels = masked.images.permute(0, 1, 3, 4, 2)
    assert torch.equal(pixels[hidden], torch.tensor([0.1, 0.2, 0.3]).expand(int(hidden.sum()), 3))
    assert torch.equal(pixels[~hidden], images.permute(0, 1, 3, 4, 2)[~hidden])
    assert 0 < hidden.sum() < hidden.numel()


def test_the_token_learns_from_hidden_pixels_only() -> None:
    images = torch.rand(1, 1, 3, 8, 8, requires_grad=True)
    masking = ImageMasking(ImageMaskingConfig(block=4, ratio=0.5))
    masked = masking(images, seeded(0))
    masked.images.sum().backward()
    assert masking.token.grad is not None
    assert images.grad is not None
    assert masking.token.grad.tolist() == [32.0, 32.0, 32.0]
    assert torch.equal(images.grad[:, :, 0] == 0, masked.mask.pixels)


def test_a_ratio_of_zero_hides_nothing_and_one_is_refused() -> None:
    images = torch.rand(1, 1, 3, 40, 40)
    assert torch.equal(ImageMasking(ImageMaskingConfig(ratio=0.0))(images).images, images)
    with pytest.raises(ValidationError, match="less than 1"):
        ImageMaskingConfig(ratio=1.0)
