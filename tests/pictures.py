"""Pictures for tests: large photos with real detail, made of small ones, and how cameras turn them."""

from itertools import cycle
from pathlib import Path

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
