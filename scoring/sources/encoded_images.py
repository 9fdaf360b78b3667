"""Read encoded images that are files or objects of their own, up to a size that no photograph reaches."""

from collections.abc import Iterator
from contextlib import contextmanager

from scoring.errors import ImageError, TooLargeError
from scoring.storage.locations import Location
from scoring.storage.reading import read_limited, read_seen
from scoring.storage.stamps import Seen
from scoring.storage.web import WebUrl

# Far above any photograph (89 megapixels are 268 MB as raw RGB), far below what a zip bomb unpacks to.
MAX_IMAGE_BYTES = 256 * 1024**2


def check_size(size_bytes: int) -> None:
    """Raise ImageError for an encoded image above the limit."""
    if size_bytes > MAX_IMAGE_BYTES:
        raise too_large()


def too_large() -> ImageError:
    """What to raise for an encoded image above the limit."""
    return ImageError(f"larger than {MAX_IMAGE_BYTES // 1024**2} MiB")


def read_image(location: Location | WebUrl) -> bytes:
    """Read one encoded image that is a file or an object of its own.

    Raises:
        ImageError: If it cannot be read, or is larger than `MAX_IMAGE_BYTES`.
    """
    with _image_faults():
        return read_limited(location, MAX_IMAGE_BYTES)


def read_seen_image(location: Location) -> tuple[bytes, Seen]:
    """The same, and what the file or object was then."""
    with _image_faults():
        return read_seen(location, MAX_IMAGE_BYTES)


@contextmanager
def _image_faults() -> Iterator[None]:
    try:
        yield
    except TooLargeError:
        raise too_large() from None
    except OSError as error:
        raise ImageError(f"cannot read: {error.strerror or error}") from error
    except ValueError as error:  # a name that no file can have
        raise ImageError(f"cannot read: {error}") from error
