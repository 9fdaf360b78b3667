"""Make RGB of a picture of any mode."""

from PIL import Image

from scoring.pixels.jpeg_2000 import scaled
from scoring.pixels.jpeg_xl import in_eight_bits
from scoring.pixels.sample_layout import unsigned
from scoring.pixels.sample_scale import is_wide, to_eight_bits
from scoring.pixels.transparency import on_white


def to_rgb(image: Image.Image, encoded: bytes) -> Image.Image:
    """Scale wide samples to 8 bits, and lay what is transparent on white.

    Args:
        image: Of any format and mode, whose pixels are loaded.
        encoded: The file that it is from.

    Returns:
        A picture of mode `RGB`.

    Raises:
        ImageError: If its samples do not tell what is white.
    """
    if is_wide(image):
        return on_white(to_eight_bits(image), encoded)
    return on_white(scaled(unsigned(in_eight_bits(image, encoded)), encoded), encoded)
