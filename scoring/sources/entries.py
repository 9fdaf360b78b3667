"""One image of a collection, what counts as one, and the reader's side of it: words that all kinds of input share."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Protocol

from scoring.errors import ImageError
from scoring.storage.locations import Location
from scoring.storage.reading import read_limited

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif"}
    | {".jp2", ".j2k", ".ppm", ".pgm", ".pbm", ".ico", ".psd", ".tga"}
)
# Far above any photograph (89 megapixels are 268 MB as raw RGB), far below what a zip bomb unpacks to.
MAX_IMAGE_BYTES = 256 * 1024**2


@dataclass(frozen=True)
class ImageEntry:
    r"""One image as it was found.

    Attributes:
        image_id: Path below the common folder without its suffix: `123` for `test1/123.jpg`.
        path: Path inside the folder, bucket or archive, always valid UTF-8; other bytes appear as `\xNN`.
        size_bytes: Size of the encoded file when it was listed; 0 where the listing does not say.
        raw_path: The path's true bytes where `path` cannot say them (a name that is not UTF-8), else None.
        target: The true label, where the collection is labelled.
        position: Where it begins in a tar file, in bytes, or its row in a table; None for a file of its own.
    """

    image_id: str
    path: str
    size_bytes: int
    raw_path: bytes | None = None
    target: str | None = None
    position: int | None = None


@dataclass(frozen=True)
class FoundFile:
    """One file of a collection before it has an id; see `ImageEntry`. A table may bring the id."""

    path: str
    size_bytes: int
    raw_path: bytes | None = None
    position: int | None = None
    image_id: str | None = None


@dataclass(frozen=True)
class Listing:
    """All images of one collection in natural order of id, and how many files were left out."""

    images: Sequence[ImageEntry]
    num_left_out: int


@dataclass(frozen=True)
class TableColumns:
    """Which columns of a Parquet table say what; a column inside another is named with a dot, `image.bytes`.

    Attributes:
        path: Paths or URLs of images; relative ones are below the table's folder. None takes `path`.
        content: Encoded images, instead of paths.
        image_id: Their ids. None takes ids from the paths, or numbers the rows.
    """

    path: str | None = None
    content: str | None = None
    image_id: str | None = None

    @property
    def images(self) -> str:
        """The column that the images come from."""
        return self.content or self.path or "path"


NO_COLUMNS = TableColumns()  # for collections that are no table


class ImageReader(Protocol):
    """Reads encoded images; safe to call from several threads."""

    def __call__(self, image: ImageEntry) -> bytes:
        """Return the file's bytes.

        Raises:
            ImageError: If the file cannot be read.
        """
        ...


class ImageSource(Protocol):
    """One kind of collection. Building one looks at nothing."""

    def check(self) -> None:
        """Raise ImagesError unless it is there and of this kind; looks at no image."""
        ...

    def files(self) -> Iterator[FoundFile]:
        """Every file in it, in any order.

        Raises:
            ImagesError: If it is damaged.
        """
        ...

    def open(self) -> ImageReader:
        """A reader for the images that were found."""
        ...


def is_image(path: str) -> bool:
    """Whether a name is that of an image, and not hidden."""
    name = PurePosixPath(path)
    hidden = name.name.startswith(".") or "__MACOSX" in name.parts  # macOS puts its metadata beside each file
    return not hidden and name.suffix.lower() in IMAGE_SUFFIXES


def readable_name(name: str) -> tuple[str, bytes | None]:
    """Split a file-system name into a UTF-8 text and, where that loses something, its raw bytes."""
    raw = os.fsencode(name)
    try:
        return raw.decode("utf-8"), None
    except UnicodeDecodeError:
        return raw.decode("utf-8", "backslashreplace"), raw


def check_size(size_bytes: int) -> None:
    """Raise ImageError for an encoded image above the limit."""
    if size_bytes > MAX_IMAGE_BYTES:
        raise too_large()


def too_large() -> ImageError:
    """What to raise for an encoded image above the limit."""
    return ImageError(f"larger than {MAX_IMAGE_BYTES // 1024**2} MiB")


def read_image(location: Location) -> bytes:
    """Read one encoded image that is a file or an object of its own.

    Raises:
        ImageError: If it cannot be read.
    """
    try:
        return read_limited(location, MAX_IMAGE_BYTES)
    except OverflowError:
        raise too_large() from None
    except OSError as error:
        raise ImageError(f"cannot read: {error.strerror or error}") from error
    except ValueError as error:  # a name that no file can have
        raise ImageError(f"cannot read: {error}") from error
