"""Large photos with real detail, made of small ones."""

from itertools import cycle
from pathlib import Path

from PIL import Image


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
