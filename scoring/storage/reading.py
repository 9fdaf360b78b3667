"""Read files and objects alike: whole, in ranges, or through an open file; with patience where storage blinks."""

from pathlib import Path
from typing import BinaryIO

from scoring.storage.locations import Location, Url
from scoring.storage.retrying import patiently
from scoring.storage.urls import BUFFER_BYTES


def open_file(location: Location, buffer_bytes: int = BUFFER_BYTES) -> BinaryIO:
    """Open for reading; of an object no less than `buffer_bytes` are fetched at a time."""
    return location.open(buffer_bytes) if isinstance(location, Url) else location.open("rb")


def find_files(folder: Location, pattern: str) -> list[Location]:
    """What lies directly in a folder and has a name that matches, in the order of names."""
    return [folder / name for name in sorted(path.name for path in folder.glob(pattern))]


def read_range(location: Location, start: int, length: int) -> bytes:
    """Read `length` bytes from `start` on, fewer at the end; of an object with one request.

    Raises:
        OSError: If it cannot be read.
    """
    if isinstance(location, Url):
        return location.read_range(start, length)
    return patiently()(_read_part, location, start, length)


def read_limited(location: Location, limit_bytes: int) -> bytes:
    """Read a whole file, of which no more than `limit_bytes` and a little are ever held.

    Raises:
        OSError: If it cannot be read.
        OverflowError: If there is more.
    """
    if isinstance(location, Url):
        return location.read_limited(limit_bytes)
    content = read_range(location, 0, limit_bytes + 1)
    if len(content) > limit_bytes:
        raise OverflowError
    return content


def _read_part(path: Path, start: int, length: int) -> bytes:
    with open(path, "rb") as file:
        file.seek(start)
        return file.read(length)
