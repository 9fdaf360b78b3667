"""Small pictures inside a page: decoded with the care that hostile files need, as data URIs."""

import base64
import io
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image

from scoring.errors import ChangedError, ImagesError, ScoringError
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape
from scoring.sources.as_listed import open_as_listed
from scoring.sources.entries import ImageEntry, ImageReader
from scoring.sources.inputs import check_images
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.storage.locations import Location

THUMBNAIL_SIZE = 144  # pixels of the longer side
_QUALITY = 72  # of WebP: about 4 kB for a photo
_THREADS = 4  # each may hold one image of the largest size that `decode` takes


@dataclass(frozen=True)
class Thumbnails:
    """What could be drawn.

    Attributes:
        uris: A data URI for each image that can be shown.
        num_changed: Images that are no longer what was listed.
        num_lost: Images that are gone, or cannot be read or decoded any more.
    """

    uris: Mapping[ImageEntry, str]
    num_changed: int
    num_lost: int


def draw_thumbnails(
    location: Location,
    wanted: Iterable[ImageEntry],
    resize: Resize,
    columns: TableColumns = NO_COLUMNS,
    shape: InputShape = DEFAULT_SHAPE,
) -> Thumbnails:
    """Read, decode and shrink images.

    Args:
        location: The collection that they are of.
        wanted: Which of them, as they were listed; one whose size or stamp differs now is not drawn.
        resize: How the network saw them.
        columns: Which columns of a table are the images.
        shape: The pixels that the network took.

    Raises:
        ImagesError: If the collection is gone, or cannot be reached.
    """
    images = list(dict.fromkeys(wanted))
    read = _open(location, columns)
    with ThreadPoolExecutor(_THREADS) as threads:
        drawn = list(threads.map(lambda image: _thumbnail(read, image, resize, shape), images))
    uris = {image: uri for image, uri in zip(images, drawn, strict=True) if isinstance(uri, str)}
    num_changed = sum(one is True for one in drawn)
    return Thumbnails(uris, num_changed, len(images) - len(uris) - num_changed)


def _open(location: Location, columns: TableColumns) -> ImageReader:
    try:
        check_images(location, columns)
        return open_as_listed(location, columns)
    except ScoringError:
        raise
    except Exception as error:  # what a damaged collection makes its library raise
        raise ImagesError(f"Cannot open {location}: {error}.") from error


def _thumbnail(read: ImageReader, image: ImageEntry, resize: Resize, shape: InputShape) -> str | bool:
    """A data URI, or for an image that cannot be shown, whether that is because it has changed."""
    try:
        pixels = decode(read(image), resize, shape)
        seen = Image.fromarray(pixels[..., 0] if shape.channels == 1 else pixels)
        scale = THUMBNAIL_SIZE / max(shape.size)
        sides = max(1, round(shape.width * scale)), max(1, round(shape.height * scale))
        small = seen.resize(sides, Image.Resampling.LANCZOS)
        encoded = io.BytesIO()
        small.save(encoded, "WEBP", quality=_QUALITY)
    except Exception as fault:  # a page without one picture is still a page  # noqa: BLE001
        return isinstance(fault, ChangedError) or isinstance(fault.__cause__, ChangedError)
    return f"data:image/webp;base64,{base64.b64encode(encoded.getvalue()).decode('ascii')}"
