"""Resize a picture by Pillow's antialiased bilinear filter, with SIMD instructions where there is a library for them.

That library rounds its weights to 16 bits where Pillow rounds to 22: a pixel differs from Pillow's by 1 of 255 at most,
or 2 in rare cases (one of 3,000 pictures of noise, of 1 to 700 pixels a side, resized to such sizes). SSE4.1, AVX2 and
neither make the same pixels (Neon was not tried). It has no wheel for Linux on ARM, where Pillow's own code resizes,
four times as slowly; `RESAMPLING` says which, and fingerprints and versions hold it.

Both round the weights of very many pixels to a few steps: with 600,000 pixels to one the library is 5 of 255 off, with
4,000,000 Pillow is 12, and with 16,000,000 it makes all black. There, blocks of pixels are averaged first.
"""

from PIL import Image

try:
    from cykooz_resizer import CropBox, FilterType, ResizeAlg, ResizeOptions, Resizer
except ImportError:
    Resizer = None

RESAMPLING = "pillow-bilinear" if Resizer is None else "cykooz-bilinear"

# Pixels to one: up to _MOST, the library is Pillow's to one level; of more, so many are left for it.
_MOST = 2**18
_LEFT = 2**16

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
    image, box = _averaged(image, size, box)
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


def _averaged(image: Image.Image, size: tuple[int, int], box: Box) -> tuple[Image.Image, Box]:
    """A picture by blocks of pixels where too many are to become one, and the box in it; any other as it is."""
    left, top, right, bottom = box
    across, down = (right - left) / size[0], (bottom - top) / size[1]
    if max(across, down) <= _MOST:
        return image, box
    wide, high = (int(each // _LEFT) if each > _MOST else 1 for each in (across, down))
    return image.reduce((wide, high)), (left / wide, top / high, right / wide, bottom / high)
