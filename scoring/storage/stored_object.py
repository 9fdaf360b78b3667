"""An object of a bucket, read so that what comes is all that was asked for, and of the object that was looked at."""

import errno
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias, TypeVar
from weakref import WeakValueDictionary

import obstore
from obstore.exceptions import BaseError, PreconditionError
from obstore.store import ObjectStore

from scoring.errors import BucketError, ChangedError, TooLargeError
from scoring.storage.bucket_answers import breaks_off, one_line, refuses_setting
from scoring.storage.bucket_clients import bucket_faults
from scoring.storage.retrying import patiently
from scoring.storage.stamps import Seen, bare_tag, has_changed, object_identity, object_stamp, object_stamps, told_time

_AT_ONCE_BYTES = 1024**2
# The client's words for another part than was asked for, and for what a server answers that knows no ranges, or has
# none of an empty object.
_OTHER_PART = "UnexpectedRange"
_UNKNOWN_RANGES = re.compile(
    "NotPartial|ParseContentRange|Content-Range header not present|status code: 40[05](?!.*<Code>)", re.DOTALL
)
_WITHOUT_RANGES = re.compile(
    "InvalidRange|416 Range Not Satisfiable|InvalidArgument|InvalidRequest|NotImplemented|PermissionDenied|AccessDenied"
)
_OTHER_REST = "412 Precondition Failed"  # of a server that was asked for the rest, and has another object
# Clients of servers that know no ranges, by their ids: they may send an object for each in vain, and each request that
# is answered by 501 is repeated ten times.
_refuse_ranges = WeakValueDictionary[int, ObjectStore]()
_T = TypeVar("_T")
_Receive: TypeAlias = Callable[["obstore.GetResult"], _T]


class _DoubtfulError(OSError):
    """An answer that cannot be what was asked for; the next may be."""


class StoredObject(NamedTuple):
    """An object that is there to be read.

    What `seen` names is what a look at it has told: what is read of it later is of that content, or an error. An answer
    that cannot be of the object is asked for again, as the client does with those that fail.

    Attributes:
        store: The client of its bucket.
        key: Its key.
        url: What errors call it.
    """

    store: ObjectStore
    key: str
    url: str

    def look(self) -> Mapping[str, Any]:
        """What the store tells of it."""
        with bucket_faults(self.url):
            return obstore.head(self.store, self.key)

    def read_whole(self) -> tuple[bytes, Mapping[str, Any]]:
        """Its content, and what the answer tells of it."""
        return self._until_sound(partial(self._read_whole, self._content))

    def read_limited(self, limit: int) -> tuple[bytes, Seen]:
        """Its content, of which no more than `limit` bytes and a little are ever held, and what the answer tells.

        Raises:
            TooLargeError: If there is more.
        """
        content, meta = self._until_sound(partial(self._read_whole, partial(self._limited, limit)))
        # without a tag, lists and answers tell the time in different ways
        stamps = partial(object_stamps, meta) if meta.get("e_tag") else frozenset[int]
        return content, Seen(meta["size"], object_stamp(meta), stamps)

    def _read_whole(self, content_of: _Receive[bytes]) -> tuple[bytes, Mapping[str, Any]]:
        """As a range from the first byte on: a part that nobody asked for looks to the client like the whole."""
        if _refuse_ranges.get(id(self.store)) is self.store:
            return self._read_without_ranges(content_of)
        with bucket_faults(self.url):
            try:
                found = self._get(None, range={"offset": 0})
                return self._received(found, None, content_of), found.meta
            except BaseError as error:
                is_unknown = refuses_setting(error) or _UNKNOWN_RANGES.search(str(error)) is not None
                if not is_unknown and not _WITHOUT_RANGES.search(str(error)):
                    raise
        received = self._read_without_ranges(content_of)
        if is_unknown and received[0]:  # some send an empty object whole, and ranges of others
            _refuse_ranges[id(self.store)] = self.store
        return received

    def _read_without_ranges(self, content_of: _Receive[bytes]) -> tuple[bytes, Mapping[str, Any]]:
        with bucket_faults(self.url):
            found = self._get(None)
            content, meta = self._received(found, None, content_of), found.meta
        try:
            seen = self.look()
        except OSError:  # not to be looked at, or removed since
            return content, meta
        if object_identity({**meta, "size": seen["size"]}) == object_identity(seen):
            self._refuse_size(len(content), seen["size"])
        return content, meta

    def read_part(self, start: int, length: int, seen: Mapping[str, Any] | None) -> bytes:
        """Read `length` bytes from `start` on, fewer at its end, with one request."""

        def read() -> bytes:
            with bucket_faults(self.url):
                return self._received(self._get(seen, range=(start, start + length)), seen, self._content)

        return self._until_sound(read)

    def download(self, path: Path, seen: Mapping[str, Any]) -> None:
        """Write its content into a file, some megabytes in memory at a time.

        A connection that is lost is made again, as long as each brings some more.
        """
        with path.open("wb") as file:
            while True:
                before = file.tell()
                try:
                    self._until_sound(partial(self._append, file, seen))
                    return
                except BucketError:
                    if file.tell() == before or object_identity(seen) is None:
                        raise

    def _append(self, file: BinaryIO, seen: Mapping[str, Any]) -> None:
        if object_identity(seen) is None:  # another object may be there since
            file.seek(0)
            file.truncate()
        start = file.tell()
        with bucket_faults(self.url):
            rest = self._get(seen, range={"offset": start}) if start else self._get(seen)
            self._received(rest, seen, lambda found: file.writelines(found.stream(_AT_ONCE_BYTES)))
        self._refuse_size(file.tell(), seen["size"])

    def _get(self, seen: Mapping[str, Any] | None, **options: Any) -> "obstore.GetResult":
        """Ask for content; the answer is compared too, for servers that ignore the condition."""
        tag = seen.get("e_tag") if seen else None
        is_condition = tag and not tag.startswith("W/")  # If-Match is never true of a weak one: RFC 9110, 13.1.1
        asked: Any = {**options, "if_match": tag} if is_condition else options
        try:
            found = obstore.get(self.store, self.key, options=asked)
        except PreconditionError as error:
            raise has_changed(self.url) from error
        except BaseError as error:
            if _OTHER_PART in str(error):
                raise self._doubt(f"expected the part that was asked for: {one_line(error)}") from error
            raise
        if seen:
            self._compare(found.meta, seen)
        return found

    def _compare(self, meta: Mapping[str, Any], seen: Mapping[str, Any]) -> None:
        """Refuse an answer of another content, by its tag, or where it has none, by when that was written."""
        sent, tag = meta.get("e_tag"), seen.get("e_tag")
        is_of_another_time = len({told_time(meta), told_time(seen)} - {None}) > 1
        if (bare_tag(sent) != bare_tag(tag)) if sent and tag else (is_of_another_time and not tag):
            raise has_changed(self.url)
        self._refuse_size(meta["size"], seen["size"])
        if is_of_another_time and not sent:
            raise self._doubt(f"expected the object of {tag}, received an answer without a tag, of another time")

    def _received(self, found: "obstore.GetResult", seen: Mapping[str, Any] | None, receive: _Receive[_T]) -> _T:
        """What the body of an answer holds.

        The client goes on with one that breaks off, but not where another object is there since, or one without a
        tag that can be a condition.
        """
        try:
            return receive(found)
        except BaseError as error:
            if not breaks_off(error) and _OTHER_REST not in str(error):
                raise
            present = obstore.head(self.store, self.key)
            try:
                self._compare(present, seen or found.meta)
            except ChangedError:
                if seen:
                    raise
                raise self._doubt("expected all of the answer, which broke off; another is there since") from error
            if (tag := present.get("e_tag")) and not tag.startswith("W/"):
                raise
            raise self._doubt("expected all of the answer, which broke off") from error

    def _content(self, found: "obstore.GetResult") -> bytes:
        start, end = found.range
        content = bytes(found.bytes())
        self._refuse_size(len(content), end - start)
        return content

    def _limited(self, limit: int, found: "obstore.GetResult") -> bytes:
        parts, size = [], 0
        for part in found.stream():
            size += len(part)
            if size > limit:
                raise TooLargeError
            parts.append(part)
        start, end = found.range
        self._refuse_size(size, end - start)
        return b"".join(parts)

    def _refuse_size(self, received: int, expected: int) -> None:
        if received != expected:
            raise self._doubt(f"expected {expected} bytes, received {received}")

    def _doubt(self, text: str) -> _DoubtfulError:
        return _DoubtfulError(errno.EREMOTEIO, f"{text}. A proxy may have answered in the store's place", self.url)

    def _until_sound(self, ask: Callable[[], _T]) -> _T:
        try:
            return patiently()(ask)
        except _DoubtfulError as error:
            raise BucketError(error.errno, str(error.strerror), self.url) from None
