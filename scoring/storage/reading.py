"""Read files, objects and sections of them alike: whole, in ranges, or through an open file."""

import errno
import io
import os
import stat
import sys
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from scoring.errors import TooLargeError
from scoring.storage.locations import Location, Url
from scoring.storage.ranged_file import RangedFile
from scoring.storage.read_deadline import read_limit_s, within_limit
from scoring.storage.retrying import try_patiently
from scoring.storage.sections import Section
from scoring.storage.stamps import (
    Seen,
    file_stamp,
    file_stamps,
    has_changed,
    inode_of,
    object_stamp,
    object_stamps,
    stamp_of,
)
from scoring.storage.urls import BUFFER_BYTES
from scoring.storage.web import WebUrl

# What can be read in ranges.
Place: TypeAlias = Location | Section
# What a look at a file or an object tells.
_Looked: TypeAlias = os.stat_result | Mapping[str, Any]


def open_file(place: Place, buffer_bytes: int = BUFFER_BYTES) -> BinaryIO:
    """Open for reading; of an object no less than `buffer_bytes` are fetched at a time."""
    if isinstance(place, Section):
        section = RangedFile(lambda: place.length, lambda start, length: read_range(place, start, length))
        return io.BufferedReader(section, buffer_bytes)
    return place.open(buffer_bytes) if isinstance(place, Url) else place.open("rb")


def open_zip(place: Place, buffer_bytes: int = BUFFER_BYTES) -> zipfile.ZipFile:
    """Open a zip for reading; of an object no less than `buffer_bytes` are fetched at a time.

    Raises:
        OSError: If it cannot be read, which the standard library takes for another kind of file.
        zipfile.BadZipFile: If it is none, or damaged.
    """
    handled = sys.exception()
    try:
        return zipfile.ZipFile(place if isinstance(place, Path) else open_file(place, buffer_bytes))
    except zipfile.BadZipFile as error:
        fault = error.__context__
        is_of_a_seek = isinstance(fault, OSError) and fault.errno == errno.EINVAL  # to before the begin, by damage
        if isinstance(fault, OSError) and fault is not handled and not is_of_a_seek:
            raise fault from None
        raise


def is_there(place: Place) -> bool:
    """Whether there is such a file."""
    return isinstance(place, Section) or place.is_file()


def identity(place: Place) -> tuple[object, ...] | None:
    """What tells the content of a place from what was or will be there: its version in a bucket, its time on a disk.

    None where nothing does.
    """
    return _identity(place, _look(place))


def stamp_at(place: Place) -> int:
    """A number that tells the content of a place from others, wherever it lies; see `scoring.storage.stamps`.

    Raises:
        OSError: If it cannot be looked at, or not as fast as `reading_within` says.
    """
    return _stamp(place, within_limit(_look, place))


def stamps_at(place: Place) -> frozenset[int]:
    """All stamps that the content may have on machines that see the place, by whatever mount."""
    return _stamps(place, within_limit(_look, place))


class PinnedFile:
    """A file as it is when this is made: what is read of it later is of that content, or an error.

    Attributes:
        place: Where it lies.
        stamp: What tells its content.
        stamps: All stamps that the content may have, as of `stamps_at`.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._seen = within_limit(_look, place)
        self.stamp, self.stamps = _stamp(place, self._seen), _stamps(place, self._seen)

    @property
    def identity(self) -> tuple[object, ...] | None:
        """See `identity`."""
        return _identity(self.place, self._seen)

    def open(self) -> BinaryIO:
        """Open it for reading; a read fails as `read_range` does."""
        size_bytes = self.place.length if isinstance(self.place, Section) else _size_bytes(self._seen)
        return io.BufferedReader(RangedFile(lambda: size_bytes, self.read_range), BUFFER_BYTES)

    def read_range(self, start: int, length: int) -> bytes:
        """See `read_range`.

        Raises:
            OSError: Also if another content has taken its place.
        """
        if not isinstance(self._seen, os.stat_result):
            return read_range(self.place, start, length, self._seen)
        content = read_range(self.place, start, length)
        if stamp_at(self.place) != self.stamp:
            raise has_changed(self.place)
        return content


def _look(place: Place) -> _Looked:
    """Look from outside at a file or an object, or at the whole that a section is of."""
    if isinstance(place, Section):
        return _look(place.whole)
    return place.look() if isinstance(place, Url) else place.stat()


def _stamp(place: Place, seen: _Looked) -> int:
    stamp = file_stamp(seen) if isinstance(seen, os.stat_result) else object_stamp(seen)
    return stamp_of(stamp, place.start, place.length) if isinstance(place, Section) else stamp


def _stamps(place: Place, seen: _Looked) -> frozenset[int]:
    if isinstance(place, Section):
        return frozenset(stamp_of(stamp, place.start, place.length) for stamp in _stamps(place.whole, seen))
    return file_stamps(seen) if isinstance(seen, os.stat_result) else object_stamps(seen)


def _identity(place: Place, seen: _Looked) -> tuple[object, ...] | None:
    if isinstance(place, Section):
        whole = _identity(place.whole, seen)
        return whole and (*whole, place.start, place.length)
    if isinstance(seen, os.stat_result):
        assert isinstance(place, Path)
        return str(place.resolve()), seen.st_size, seen.st_mtime_ns, inode_of(seen)
    assert isinstance(place, Url)
    return place.identity(seen)


def _size_bytes(seen: _Looked) -> int:
    return seen.st_size if isinstance(seen, os.stat_result) else int(seen["size"])


def read_range(place: Place, start: int, length: int, seen: Mapping[str, Any] | None = None) -> bytes:
    """Read `length` bytes from `start` on, fewer at the end; of an object with one request, and as it was if `seen`.

    Raises:
        OSError: If it cannot be read, or not as fast as `reading_within` says.
    """
    if isinstance(place, Section):
        return read_range(place.whole, place.start + start, max(0, min(length, place.length - start)), seen)
    if isinstance(place, Url):
        return within_limit(place.read_range, start, length, seen)
    return within_limit(try_patiently, _read_part, place, start, length)[0]


def read_limited(location: Location | WebUrl, limit_bytes: int) -> bytes:
    """Read a whole file, of which no more than `limit_bytes` and a little are ever held.

    Raises:
        OSError: If it cannot be read, or not as fast as `reading_within` says.
        TooLargeError: If there is more.
    """
    if isinstance(location, WebUrl):
        return within_limit(location.read_limited, limit_bytes, read_limit_s())
    if isinstance(location, Url):
        return within_limit(location.read_limited, limit_bytes)
    return read_seen(location, limit_bytes)[0]


def read_seen(location: Location, limit_bytes: int) -> tuple[bytes, Seen]:
    """The same, and what the file or object was then; takes no further look at it."""
    if isinstance(location, Url):
        return within_limit(location.read_seen, limit_bytes)
    content, status = within_limit(try_patiently, _read_part, location, 0, limit_bytes + 1)
    if len(content) > limit_bytes:
        raise TooLargeError
    return content, Seen(status.st_size, file_stamp(status), partial(file_stamps, status))


def read_whole(location: Location) -> bytes:
    """Read a whole file, of any size; of a pipe, what comes through it.

    Raises:
        OSError: If it cannot be read, or ends before the size that its system tells.
    """
    if isinstance(location, Path) and location.is_file():
        return within_limit(try_patiently, _read_part, location, 0, -1)[0]
    return location.read_bytes()


def is_stamped_alike(place: Location) -> bool:
    """Whether a list of its bucket gives an object the stamp that its answers give: not every store's does.

    Raises:
        OSError: If it cannot be looked at, or not as fast as `reading_within` says.
    """
    return isinstance(place, Url) and within_limit(place.listed_stamp) in object_stamps(within_limit(place.look))


def _read_part(path: Path, start: int, length: int) -> tuple[bytes, os.stat_result]:
    """Read up to `length` bytes, or all there are if that is negative, and what the file was then."""
    with open(path, "rb", opener=_open_at_once) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        file.seek(start)
        most = max(0, status.st_size - start)
        expected = most if length < 0 else min(length, most)
        content = file.read(expected)  # no more: memory for all that may be read takes as long to get as a photo
        if length != expected and (more := file.read(1)):  # it has grown, or its size is not told
            content += more + file.read(length - len(content) - 1 if length >= 0 else -1)
    if len(content) < expected:  # a network's fault, or it is written to: one of these has passed at the next try
        text = f"it ended after {start + len(content):,} of its {status.st_size:,} bytes"
        raise OSError(errno.EIO, text, str(path))
    return content, status


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for the other end of what turns out to be a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)
