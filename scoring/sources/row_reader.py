"""Read the images that a table's rows name, each wherever it lies."""

import errno
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from scoring.errors import ImageError, OutOfReachError, RequestError, UnreachableError
from scoring.sources.encoded_images import read_image
from scoring.sources.entries import FoundFile, ImageEntry
from scoring.sources.row_paths import spelled_names
from scoring.storage.locations import BUCKET_SCHEMES, Location, bucket_of, file_below, lies_in, locate
from scoring.storage.reach import refuse_absent_folder
from scoring.storage.web import WebUrl, web_url

_ASK_AGAIN_S = 60.0  # a bucket that was out of reach: each of its rows would wait for it, some seconds or a minute
_CERTAIN = 2  # reads of a bucket, one after the other, that failed: one alone may be a moment's
_ALL_ALONE = 32  # such reads while no other place answers either: it is no fault of these rows

_NO_FOLDER = re.compile(r"[a-z][\w+.-]*:/{0,2}[^/]*", re.IGNORECASE)  # a scheme alone, or with a host or bucket
# What the wrong spelling of a path meets: a name that is too long, or with a file among its folders.
_OF_SPELLING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL})
_BUCKET = re.compile(rf"({'|'.join(BUCKET_SCHEMES)})://", re.IGNORECASE)


@dataclass
class _Failed:
    """Reads of one bucket that failed since it last answered."""

    since: float
    last: float
    count: int = 0
    reason: str = ""


class RowReader:
    """Reads images of a table of paths; safe to call from several threads.

    A bucket that has failed twice while another place answers is not asked for each of its rows.

    Args:
        folder: What relative paths start at.
    """

    def __init__(self, folder: Location) -> None:
        self._folder = folder
        self._failed: dict[str, _Failed] = {}
        self._answered: dict[str | None, float] = {}  # when a bucket last did, or what lies in none

    def __call__(self, image: ImageEntry) -> bytes:
        """Read one image.

        Raises:
            ImageError: If it cannot be read; an OutOfReachError if its bucket cannot.
            UnreachableError: If many reads of its bucket failed, and no other place has answered meanwhile; or the
                folder that relative paths start at is gone.
        """
        if image.position is not None:
            raise ImageError("the table's row names no image")
        try:
            places = [web] if (web := web_url(image.written)) else _places_of(self._folder, image)
        except RequestError as error:
            raise ImageError(str(error)) from error
        faults = list[ImageError]()
        for place in places:
            try:
                return self._read(place)
            except ImageError as error:
                if not _may_be_misspelled(error):
                    raise
                faults.append(error)
        raise next((fault for fault in faults if isinstance(fault.__cause__, FileNotFoundError)), faults[-1])

    def _read(self, location: Location | WebUrl) -> bytes:
        bucket = bucket_of(location)
        if not bucket:
            encoded = self._read_file(location)
            self._answered[None] = time.monotonic()
            return encoded
        return self._read_of(bucket, location)

    def _read_file(self, location: Location | WebUrl) -> bytes:
        try:
            return read_image(location)
        except ImageError as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and not isinstance(location, WebUrl) and lies_in(location, self._folder):
                refuse_absent_folder(self._folder, cause)
            raise

    def _read_of(self, bucket: str, location: Location | WebUrl) -> bytes:
        failed = self._failed.get(bucket)
        if failed and self._is_certain(bucket, failed) and time.monotonic() - failed.last < _ASK_AGAIN_S:
            raise OutOfReachError(f"{bucket}: {failed.reason}")
        try:
            encoded = read_image(location)
        except (ImageError, RequestError) as error:
            cause = error.__cause__ if isinstance(error, ImageError) else error
            if not isinstance(cause, UnreachableError | RequestError):
                self._note_answer(bucket)
                raise
            reason = str(cause.strerror) if isinstance(cause, UnreachableError) else str(cause)
            failed = self._note_failure(bucket, reason)
            if failed.count >= _ALL_ALONE and not self._is_certain(bucket, failed):
                raise UnreachableError(errno.EREMOTEIO, reason, str(location)) from cause
            raise OutOfReachError(f"{bucket}: {reason}") from cause
        self._note_answer(bucket)
        return encoded

    def _note_answer(self, bucket: str) -> None:
        self._answered[bucket] = time.monotonic()
        self._failed.pop(bucket, None)

    def _note_failure(self, bucket: str, reason: str) -> _Failed:
        now = time.monotonic()
        failed = self._failed.setdefault(bucket, _Failed(now, now))
        failed.last, failed.count, failed.reason = now, failed.count + 1, reason
        return failed

    def _is_certain(self, bucket: str, failed: _Failed) -> bool:
        """Whether it is the bucket that fails: more than once, while another place has answered."""
        answered = (moment for other, moment in self._answered.copy().items() if other != bucket)
        return failed.count >= _CERTAIN and any(moment >= failed.since for moment in answered)


def located(folder: Location, row: ImageEntry | FoundFile) -> Location:
    """The place that a row's path means; see `_spellings` for another one where nothing is there.

    Args:
        folder: What relative paths start at.
        row: What a table's row says.

    Raises:
        RequestError: If it is a URL that names no object, or one that no client can name.
    """
    return _places_of(folder, row)[0]


def is_there(folder: Location, path: str) -> bool:
    """Whether a path is that of a file as it is spelled; False where that cannot be told."""
    try:
        return _located(folder, path).is_file()
    except (OSError, RequestError, ValueError):
        return False


def refuse_absent_common(folder: Location, common: str, is_listed: bool) -> None:
    """Raise UnreachableError if a folder that all images of a collection lie in is gone, closed or empty.

    Args:
        folder: What relative paths start at.
        common: The folder that all paths begin with.
        is_listed: See `refuse_absent_folder`.
    """
    if _NO_FOLDER.fullmatch(common):
        return
    try:
        first, *others = _places(folder, common, is_quoted=True)
    except RequestError:  # of web servers, or of several buckets
        return
    if not any(map(_is_folder, others)):
        refuse_absent_folder(first, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)), is_listed)


def _may_be_misspelled(error: ImageError) -> bool:
    """Whether a file may be there under another spelling of its path."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in _OF_SPELLING


def _is_folder(place: Location) -> bool:
    try:
        return place.is_dir()
    except OSError:  # a name that is too long
        return False


def _places_of(folder: Location, row: ImageEntry | FoundFile) -> list[Location]:
    """A row that tells another path than it writes is quoted; see `row_paths.are_quoted`."""
    return _places(folder, row.written, is_quoted=row.written != row.path)


def _places(folder: Location, path: str, is_quoted: bool) -> list[Location]:
    return [_located(folder, spelling) for spelling in _spellings(path, is_quoted)]


def _spellings(path: str, is_quoted: bool) -> Iterable[str]:
    """A path of Spark, fsspec, pathlib or Windows as this program writes it, and another for where that is no file.

    In a URI of a file `%20` is a blank (RFC 8089 and 3986); Spark and fsspec write the name as it is.
    """
    if names := spelled_names(path):
        return dict.fromkeys(reversed(names) if is_quoted else names)
    if bucket := _BUCKET.match(path):
        return (f"{BUCKET_SCHEMES[bucket[1].lower()]}://{path[bucket.end() :]}",)
    return dict.fromkeys((path, path if "://" in path else path.replace("\\", "/")))


def _located(folder: Location, path: str) -> Location:
    location = locate(path)
    if not location.is_absolute():
        folder, path = _from_prefix(folder, path) if bucket_of(folder) else (folder, path)
        location = file_below(folder, path)
    if "\0" in path and not bucket_of(location):
        raise RequestError(f"Expected the name of a file; received {path!r}, with a NUL.")
    if bucket_of(location) and not str(location).endswith(path):  # the object without the slash is another one
        raise RequestError(f"Expected a key without a slash at either end; received {path}.")
    return location


def _from_prefix(prefix: Location, path: str) -> tuple[Location, str]:
    """A prefix and the rest of a relative path from there, without the `./` and `../` that it begins with.

    Raises:
        RequestError: If it leads out of the bucket, or has such parts, which keys may have, further on.
    """
    rest = path
    while rest.startswith(("./", "../")):
        step, _, rest = rest.partition("/")
        if step == "..":
            if not prefix.name:
                raise RequestError(
                    f"Expected a path within the bucket {prefix}; received {path}, which leads out of it."
                )
            prefix = prefix.parent
    if not {"", ".", ".."}.isdisjoint(rest.removesuffix("/").split("/")):
        raise RequestError(f"Expected a key without empty parts, `.` and `..` between its slashes; received {path}.")
    return prefix, rest
