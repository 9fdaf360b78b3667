"""Make RGB of a picture of any mode."""

from PIL import Image

from scoring.pixels.avif_aperture import in_aperture
from scoring.pixels.jpeg_2000 import scaled
from scoring.pixels.jpeg_xl import in_eight_bits
from scoring.pixels.sample_layout import unsigned
from scoring.pixels.sample_scale import is_wide, to_eight_bits
from scoring.pixels.transparency import on_white


def to_rgb(image: Image.Image, encoded: bytes) -> Image.Image:
    """Scale wide samples to 8 bits, lay what is transparent on white, and leave out what is not meant to be seen.

    Args:
        image: Of any format and mode, whose pixels are loaded.
        encoded: The file that it is from.

    Returns:
        A picture of mode `RGB`.

    Raises:
        ImageError: If its samples do not tell what is white, or the part to be seen is none of it.
    """
    light = to_eight_bits(image) if is_wide(image) else scaled(unsigned(in_eight_bits(image, encoded)), encoded)
    return in_aperture(on_white(light, encoded), image, encoded)
