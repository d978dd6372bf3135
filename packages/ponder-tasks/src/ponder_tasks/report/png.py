"""Arrays as images inside the page."""

import base64
import io

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image


def as_bytes(image: Float[np.ndarray, "height width channels"]) -> UInt8[np.ndarray, "height width channels"]:
    """Return an image in [0, 1] as whole numbers 0 to 255; values outside are clipped, NaN is 0."""
    return np.round(np.clip(np.nan_to_num(image, nan=0.0), 0.0, 1.0) * 255.0).astype(np.uint8)


def png_data_uri(
    image: UInt8[np.ndarray, "height width channels"], *, longest_side: int, smooth: bool = True
) -> str:
    """Return a PNG as a ``data:`` address.

    Args:
        image: RGB or RGBA.
        longest_side: a larger image is made smaller, to this many pixels.
        smooth: average pixels when making it smaller; False keeps colours that stand for classes.
    """
    picture = Image.fromarray(image)
    scale = longest_side / max(picture.size)
    if scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.BOX if smooth else Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=6)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
