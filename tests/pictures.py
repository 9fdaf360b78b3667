"""Pictures for tests: large photos with real detail, how cameras turn them, and cats and dogs told apart by light."""

import io
from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image

# By EXIF orientation: what a camera did to the upright picture.
TURNED_BACK = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def side_by_side(folder: Path, size: tuple[int, int], first: int = 0) -> Image.Image:
    """Fill a picture of `size` with the photos in `folder`, unscaled, row after row, beginning with the `first`."""
    picture, paths = Image.new("RGB", size), sorted(folder.glob("*.jpg"))
    photos = cycle(paths[first % len(paths) :] + paths[: first % len(paths)])
    top = 0
    while top < size[1]:
        left = row_height = 0
        while left < size[0]:
            with Image.open(next(photos)) as photo:
                picture.paste(photo, (left, top))
                left, row_height = left + photo.width, max(row_height, photo.height)
        top += row_height
    return picture


def lit_photo(is_dog: bool, generator: np.random.Generator) -> bytes:
    """A JPEG file: a cat is lit from the left, a dog from above."""
    ramp = np.linspace(0, 200, 12)
    light = np.tile(ramp[:, None], 12) if is_dog else np.tile(ramp, (12, 1))
    content = io.BytesIO()
    noisy = light[..., None] + generator.uniform(0, 55, (12, 12, 3))
    Image.fromarray(noisy.astype(np.uint8)).save(content, "jpeg")
    return content.getvalue()
