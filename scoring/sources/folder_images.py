"""Images in a local folder, or below a prefix in a bucket: one file each."""

import os
from collections.abc import Iterator
from pathlib import Path

from scoring.errors import ImageError, ImagesError
from scoring.sources import entries
from scoring.sources.entries import FoundFile, ImageEntry, ImageReader, read_limited, readable_name
from scoring.sources.tar_images import read_member
from scoring.storage.locations import Url
from scoring.storage.retrying import patiently


class FolderSource:
    """A local folder, searched recursively."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self) -> None:
        """See `ImageSource`."""
        if not self._folder.exists():
            raise ImagesError(
                f"Expected --images to be a folder, a .zip, .tar or .parquet file; {self._folder} does not exist."
            )
        if not self._folder.is_dir():
            raise ImagesError(
                f"Expected --images to be a folder, a .zip, .tar or .parquet file; {self._folder} is a file that is "
                "not a zip."
            )

    def files(self) -> Iterator[FoundFile]:
        """Walk the folder, following symbolic links, each real folder once."""
        root, seen = str(self._folder), set()
        pending = [root]
        while pending:
            current = pending.pop()
            status = Path(current).stat()
            if (status.st_dev, status.st_ino) in seen:  # a symbolic link back to where we were
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(current) as found:
                for entry in found:
                    if entry.is_dir():
                        pending.append(entry.path)
                    else:
                        path, raw = readable_name(os.path.relpath(entry.path, root))
                        yield FoundFile(path, _size_bytes(entry), raw)

    def open(self) -> ImageReader:
        """See `ImageSource`."""
        return _FolderReader(self._folder)


class BucketSource:
    """All objects below a prefix."""

    def __init__(self, prefix: Url) -> None:
        self._prefix = prefix

    def check(self) -> None:
        """See `ImageSource`."""
        if not self._prefix.is_dir():
            raise ImagesError(f"Expected --images to be a prefix with objects below it; {self._prefix} has none.")

    def files(self) -> Iterator[FoundFile]:
        """List the objects, a thousand at a time."""
        for path, size_bytes in self._prefix.objects():
            yield FoundFile(path, size_bytes)

    def open(self) -> ImageReader:
        """See `ImageSource`."""
        return _BucketReader(self._prefix)


class _FolderReader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._encoded_folder = os.fsencode(folder)

    def __call__(self, image: ImageEntry) -> bytes:
        if image.position is not None:
            return read_member(self._folder, image)
        return read_local(os.path.join(self._encoded_folder, image.raw_path or os.fsencode(image.path)))


class _BucketReader:
    def __init__(self, prefix: Url) -> None:
        self._prefix = prefix

    def __call__(self, image: ImageEntry) -> bytes:
        if image.position is not None:
            return read_member(self._prefix, image)
        return read_object(self._prefix / image.path)


def read_local(path: bytes) -> bytes:
    """Read one image's file, patiently.

    Raises:
        ImageError: If it cannot be read.
    """
    try:
        return patiently()(_read_file, path)
    except OSError as error:
        raise ImageError(f"cannot read: {error.strerror or error}") from error


def read_object(url: Url) -> bytes:
    """Read one image's object; the bucket's client is patient itself.

    Raises:
        ImageError: If it cannot be read.
    """
    try:
        return url.read_limited(entries.MAX_IMAGE_BYTES)
    except OverflowError:
        raise entries.too_large() from None
    except OSError as error:
        raise ImageError(f"cannot read: {error.strerror or error}") from error


def _read_file(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return read_limited(file)


def _size_bytes(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:  # a link to nowhere: still a row, with its reason when it is read
        return 0
