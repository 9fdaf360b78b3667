"""Read files, objects and sections of them alike: whole, in ranges, or through an open file; with patience."""

import errno
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO, TypeAlias

from scoring.storage.locations import Location, Url
from scoring.storage.ranged_file import RangedFile
from scoring.storage.retrying import patiently
from scoring.storage.sections import Section
from scoring.storage.urls import BUFFER_BYTES
from scoring.storage.web import WebUrl

# What can be read in ranges.
Place: TypeAlias = Location | Section


def open_file(place: Place, buffer_bytes: int = BUFFER_BYTES) -> BinaryIO:
    """Open for reading; of an object no less than `buffer_bytes` are fetched at a time."""
    if isinstance(place, Section):
        section = RangedFile(lambda: place.length, lambda start, length: read_range(place, start, length))
        return io.BufferedReader(section, buffer_bytes)
    return place.open(buffer_bytes) if isinstance(place, Url) else place.open("rb")


def path_or_file(place: Place) -> Path | BinaryIO:
    """What zipfile takes: a path, which it opens and closes itself, or an open file."""
    return place if isinstance(place, Path) else open_file(place)


def is_there(place: Place) -> bool:
    """Whether there is such a file."""
    return isinstance(place, Section) or place.is_file()


def identity(place: Place) -> tuple[object, ...]:
    """What tells the content of a place from what was or will be there: its version in a bucket, its time on a disk."""
    if isinstance(place, Section):
        return (*identity(place.whole), place.start, place.length)
    if isinstance(place, Url):
        size_bytes, version = place.size_and_version()
        return str(place), size_bytes, version
    status = place.stat()
    return str(place.resolve()), status.st_size, status.st_mtime_ns


def read_range(place: Place, start: int, length: int) -> bytes:
    """Read `length` bytes from `start` on, fewer at the end; of an object with one request.

    Raises:
        OSError: If it cannot be read.
    """
    if isinstance(place, Section):
        return read_range(place.whole, place.start + start, max(0, min(length, place.length - start)))
    if isinstance(place, Url):
        return place.read_range(start, length)
    return patiently()(_read_part, place, start, length)


def read_limited(location: Location | WebUrl, limit_bytes: int) -> bytes:
    """Read a whole file, of which no more than `limit_bytes` and a little are ever held.

    Raises:
        OSError: If it cannot be read.
        OverflowError: If there is more.
    """
    if isinstance(location, Url | WebUrl):
        return location.read_limited(limit_bytes)
    content = read_range(location, 0, limit_bytes + 1)
    if len(content) > limit_bytes:
        raise OverflowError
    return content


def _read_part(path: Path, start: int, length: int) -> bytes:
    with open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        file.seek(start)
        return file.read(length)


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for the other end of what turns out to be a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)
