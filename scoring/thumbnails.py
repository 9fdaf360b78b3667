"""Small pictures inside a page: decoded with the care that hostile files need, as data URIs."""

import base64
import io
import zipfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from scoring.errors import ImageError, ImagesError
from scoring.images import Resize, decode
from scoring.inputs import ImageReader, check_images, open_images

THUMBNAIL_SIZE = 144  # pixels a side
_QUALITY = 72  # of WebP: about 4 kB for a photo
_THREADS = 4  # each may hold one image of the largest size that `decode` takes


@dataclass(frozen=True)
class PicturePath:
    """Where an image lies below its collection; see `scoring.inputs.ImageEntry`."""

    path: str
    raw_path: bytes | None = None


def draw_thumbnails(location: Path, wanted: Iterable[PicturePath], resize: Resize) -> dict[PicturePath, str]:
    """Read, decode and shrink images.

    Args:
        location: The folder or zip that they lie in.
        wanted: Which of them.
        resize: How the network saw them.

    Returns:
        A data URI for each that can be shown.

    Raises:
        ImagesError: If the collection is gone.
    """
    paths = list(dict.fromkeys(wanted))
    read = _open(location)
    with ThreadPoolExecutor(_THREADS) as threads:
        uris = list(threads.map(lambda path: _thumbnail(read, path, resize), paths))
    return {path: uri for path, uri in zip(paths, uris, strict=True) if uri is not None}


def _open(location: Path) -> ImageReader:
    try:
        check_images(location)
        return open_images(location)
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        raise ImagesError(f"Cannot open {location}: {error}.") from error


def _thumbnail(read: ImageReader, path: PicturePath, resize: Resize) -> str | None:
    """A data URI, or None for an image that cannot be read or decoded, now or at all."""
    try:
        pixels = decode(read(path.path, path.raw_path), resize)
    except ImageError:
        return None
    small = Image.fromarray(pixels).resize((THUMBNAIL_SIZE, THUMBNAIL_SIZE), Image.Resampling.LANCZOS)
    encoded = io.BytesIO()
    small.save(encoded, "WEBP", quality=_QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(encoded.getvalue()).decode('ascii')}"
