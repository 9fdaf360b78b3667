"""Resize a picture by Pillow's antialiased bilinear filter, with SIMD instructions where there is a library for them.

That library rounds its weights to 16 bits where Pillow rounds to 22: a pixel differs from Pillow's by 1 of 255 at most,
or 2 in rare cases (one of 3,000 pictures of noise, of 1 to 700 pixels a side, resized to such sizes). SSE4.1, AVX2 and
neither make the same pixels (Neon was not tried). It has no wheel for Linux on ARM, where Pillow's own code resizes,
four times as slowly; `RESAMPLING` says which, and fingerprints and versions hold it.
"""

from PIL import Image

try:
    from cykooz_resizer import CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
except ImportError:
    Resizer = None

RESAMPLING = "pillow-bilinear" if Resizer is None else "cykooz-bilinear"

# left, top, right, bottom in pixels, fractions included
Box = tuple[float, float, float, float]


def resize_bilinear(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """Resize the part of a picture that is in a box.

    Args:
        image: RGB. Left unchanged.
        size: Width and height of what is returned, in pixels.
        box: Left, top, right and bottom of the part, in pixels of the picture.

    Returns:
        RGB, of that size.
    """
    if Resizer is None:
        return image.resize(size, Image.Resampling.BILINEAR, box=box)
    left, top, right, bottom = box
    options = ResizeOptions(
        resize_alg=ResizeAlg.convolution(FilterType.bilinear),
        crop_box=CropBox(left, top, right - left, bottom - top),
        use_alpha=False,
    )
    resized = Image.new("RGB", size)
    Resizer().resize_pil(image, resized, options)  # one for each call: it locks itself while it resizes
    return resized
