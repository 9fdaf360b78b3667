"""Small pictures inside a page: decoded with the care that hostile files need, as data URIs."""

import base64
import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from scoring.errors import ImagesError, ScoringError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape
from scoring.sources.inputs import ImageEntry, ImageReader, check_images, open_images
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.storage.locations import Location

THUMBNAIL_SIZE = 144  # pixels of the longer side
_QUALITY = 72  # of WebP: about 4 kB for a photo
_THREADS = 4  # each may hold one image of the largest size that `decode` takes


def draw_thumbnails(
    location: Location,
    wanted: Iterable[ImageEntry],
    resize: Resize,
    columns: TableColumns = NO_COLUMNS,
    shape: InputShape = DEFAULT_SHAPE,
) -> dict[ImageEntry, str]:
    """Read, decode and shrink images.

    Args:
        location: The collection that they are of.
        wanted: Which of them.
        resize: How the network saw them.
        columns: Which columns of a table are the images.
        shape: The pixels that the network took.

    Returns:
        A data URI for each that can be shown.

    Raises:
        ImagesError: If the collection is gone, or cannot be reached.
    """
    images = list(dict.fromkeys(wanted))
    read = _open(location, columns)
    with ThreadPoolExecutor(_THREADS) as threads:
        uris = list(threads.map(lambda image: _thumbnail(read, image, resize, shape), images))
    return {image: uri for image, uri in zip(images, uris, strict=True) if uri is not None}


def _open(location: Location, columns: TableColumns) -> ImageReader:
    try:
        check_images(location, columns)
        return open_images(location, columns)
    except ScoringError:
        raise
    except Exception as error:  # what a damaged collection makes its library raise
        raise ImagesError(f"Cannot open {location}: {error}.") from error


def _thumbnail(read: ImageReader, image: ImageEntry, resize: Resize, shape: InputShape) -> str | None:
    """A data URI, or None for an image that cannot be read or decoded, now or at all."""
    try:
        pixels = decode(read(image), resize, shape)
        seen = Image.fromarray(pixels[..., 0] if shape.channels == 1 else pixels)
        scale = THUMBNAIL_SIZE / max(shape.size)
        sides = max(1, round(shape.width * scale)), max(1, round(shape.height * scale))
        small = seen.resize(sides, Image.Resampling.LANCZOS)
        encoded = io.BytesIO()
        small.save(encoded, "WEBP", quality=_QUALITY)
    except Exception:  # a page without one picture is still a page  # noqa: BLE001
        return None
    return f"data:image/webp;base64,{base64.b64encode(encoded.getvalue()).decode('ascii')}"
