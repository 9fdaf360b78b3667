"""An object or a prefix in a bucket, used as a path is."""

import errno
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from functools import total_ordering
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import obstore
from obstore.store import ObjectStore

from scoring.errors import BucketError

if TYPE_CHECKING:
    from scoring.storage.stamps import Seen
    from scoring.storage.stored_object import StoredObject

LISTED_AT_ONCE = 1000  # objects in one answer of S3
BUFFER_BYTES = 1024**2  # one request for the end of a Parquet file or for a row group of the manifest
# What tells one version of a file or an object from another; conditional writes name it.
Version: TypeAlias = dict[str, str]


@total_ordering
class Url:
    """An object or a prefix in a bucket, with the part of `pathlib.Path` that this program uses.

    Every write is one PUT: readers see the old object or the new one, and a killed writer leaves nothing. Errors are
    `OSError`, as those of files are.
    """

    def __init__(self, scheme: str, bucket: str, key: str) -> None:
        self.scheme, self.bucket, self.key = scheme, bucket, key

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}".rstrip("/")

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Url) and str(self) == str(other)

    def __lt__(self, other: "Url") -> bool:
        return str(self) < str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __truediv__(self, name: str) -> "Url":
        return Url(self.scheme, self.bucket, f"{self.key}/{name}".lstrip("/"))

    @property
    def name(self) -> str:
        """The last part, as of a path."""
        return self.key.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The last part's suffix, as of a path."""
        return PurePosixPath(self.key).suffix

    @property
    def parent(self) -> "Url":
        """The prefix above."""
        return Url(self.scheme, self.bucket, self.key.rpartition("/")[0])

    def absolute(self) -> "Url":
        """Itself."""
        return self

    def is_absolute(self) -> bool:
        """True: a URL always is."""
        return True

    def exists(self) -> bool:
        """Whether there is such an object, or any below."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Whether there is such an object."""
        try:
            self.size_and_version()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Whether there is any object below; a bucket has no empty folders."""
        return next(self.objects(), None) is not None

    def mkdir(self, parents: bool = False, exist_ok: bool = False) -> None:
        """Do nothing: a prefix exists as soon as an object below it does."""

    def objects(self) -> Iterator[tuple[str, int]]:
        """The keys below this one and their sizes in bytes, in the store's order; a thousand in memory at a time."""
        return ((key, size_bytes) for key, size_bytes, _ in self.stamped_objects())

    def stamped_objects(self) -> Iterator[tuple[str, int, int]]:
        """The same, each with its stamp; many folders are listed side by side.

        Keys of the bucket that begin with a slash have it, and no object can be read by them.
        """
        from scoring.storage.prefix_listing import list_objects  # local runs ask no bucket

        with self._faults():
            for path, size_bytes, stamp in list_objects(self._store, self.key):
                yield path[len(self.key) :].lstrip("/") if self.key else path, size_bytes, stamp

    def names_since(self, since: float) -> Iterator[str]:
        """The keys below this one of objects that have been written since, in seconds since 1970."""
        from scoring.storage.prefix_listing import names_since  # likewise

        with self._faults():
            for key in names_since(self._store, self.key, since):
                yield key[len(self.key) :].lstrip("/") if self.key else key

    def iterdir(self) -> Iterator["Url"]:
        """What lies directly below: objects and prefixes, without the empty object that marks this one as a folder."""
        from scoring.storage.prefix_listing import list_directly

        with self._faults():
            found = list_directly(self._store, self.key)
        for key in found:
            if key != self.key:
                yield Url(self.scheme, self.bucket, key)

    def glob(self, pattern: str) -> Iterator["Url"]:
        """The objects directly below whose name matches."""
        for below, _ in self.objects():
            if "/" not in below and fnmatchcase(below, pattern):
                yield self / below

    def size_and_version(self) -> tuple[int, Version]:
        """An object's size in bytes, and which version of it is there."""
        found = self.look()
        return found["size"], version_of(found)

    def look(self) -> Mapping[str, Any]:
        """What the store tells of an object: its `size` in bytes, `e_tag`, `version` and `last_modified`."""
        return self._object.look()

    def identity(self, seen: Mapping[str, Any]) -> tuple[object, ...] | None:
        """What tells the content that a look told `seen` of from all others; None where nothing does."""
        from scoring.storage.bucket_settings import server_and_account
        from scoring.storage.stamps import object_identity

        told = object_identity(seen)
        return told and (server_and_account(self.scheme), str(self), *told)

    def listed_stamp(self) -> int:
        """The stamp that a list gives the object; raises FileNotFoundError if it is in none."""
        from scoring.storage.prefix_listing import find_stamp  # likewise

        with self._faults():
            return find_stamp(self._store, self.object_key)

    def read_range(self, start: int, length: int, seen: Mapping[str, Any] | None = None) -> bytes:
        """Read `length` bytes from `start` on, fewer at the object's end, with one request.

        Args:
            start: The first byte.
            length: How many.
            seen: Read the content that a look told this of; None reads whatever is there.

        Raises:
            OSError: If it cannot be read, or another content is there.
        """
        if not length:
            return b""
        try:
            return self._object.read_part(start, length, seen)
        except BucketError as error:
            if "InvalidRange" in str(error):  # it ends before `start`
                return b""
            raise

    def read_version(self) -> tuple[bytes, Version]:
        """An object's content, and which version of it that is."""
        content, meta = self._object.read_whole()
        return content, version_of(meta)

    def read_bytes(self) -> bytes:
        """An object's content."""
        return self.read_version()[0]

    def read_text(self, encoding: str = "utf-8") -> str:
        """An object's content as text."""
        return self.read_bytes().decode(encoding)

    def read_limited(self, limit: int) -> bytes:
        """An object's content, of which no more than `limit` bytes and a little are ever held.

        Raises:
            TooLargeError: If there is more.
        """
        return self.read_seen(limit)[0]

    def read_seen(self, limit: int) -> tuple[bytes, "Seen"]:
        """The same, and what the answer says of the object."""
        return self._object.read_limited(limit)

    def download(self, path: Path, seen: Mapping[str, Any]) -> None:
        """Write the content that a look told `seen` of into a file, some megabytes in memory at a time.

        Raises:
            OSError: If it cannot be read or written, or another content is there.
        """
        self._object.download(path, seen)

    def write_bytes(self, content: bytes) -> None:
        """Write the object, whatever was there."""
        self._put(content)

    def _put(self, content: bytes) -> str | None:
        from scoring.storage.bucket_clients import open_to_write  # likewise

        with self._faults():
            store = open_to_write(self.scheme, self.bucket, len(content))
            return obstore.put(store, self.object_key, content, use_multipart=False)["e_tag"]

    def upload(self, path: Path) -> str | None:
        """Write the object from a file, with one PUT; returns the tag that its store gives it."""
        return self._put(path.read_bytes())

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object."""
        from scoring.storage.removing import remove_object  # who only reads removes none

        if not missing_ok:
            self.size_and_version()
        with self._faults():
            remove_object(self._store, self.object_key)

    def remove_below(self, check: Callable[[], None]) -> None:
        """Remove every object below, as many at a time as are listed at once; what `check` raises ends it."""
        from scoring.storage.listed_pages import pages_left
        from scoring.storage.removing import remove_objects

        with self._faults():
            for page in pages_left(self._store, self.object_key):
                check()
                remove_objects(self._store, [path for path, _, _ in page])

    def open(self, buffer_bytes: int = BUFFER_BYTES) -> BinaryIO:
        """Open the object for reading; what is read is fetched in ranges of at least `buffer_bytes`.

        All ranges are of the content that the first read finds: an object that is replaced meanwhile is an OSError.
        """
        from scoring.storage.ranged_file import RangedFile  # local runs need none

        seen: dict[str, Any] = {}

        def size_bytes() -> int:
            seen.update(self.look())
            return int(seen["size"])

        ranges = RangedFile(size_bytes, lambda start, length: self.read_range(start, length, seen))
        return io.BufferedReader(ranges, buffer_bytes)

    @property
    def _store(self) -> ObjectStore:
        from scoring.storage.bucket_clients import open_bucket  # likewise

        return open_bucket(self.scheme, self.bucket)

    @property
    def _object(self) -> "StoredObject":
        from scoring.storage.stored_object import StoredObject  # likewise

        return StoredObject(self._store, self.object_key, str(self))

    def _faults(self) -> AbstractContextManager[None]:
        from scoring.storage.bucket_clients import bucket_faults

        return bucket_faults(self)

    @property
    def object_key(self) -> str:
        """The key; raises FileNotFoundError for a whole bucket."""
        if not self.key:
            raise FileNotFoundError(errno.ENOENT, "a bucket is no object", str(self))
        return self.key


def version_of(meta: Mapping[str, Any]) -> Version:
    """Which version of an object a store tells of."""
    return {name: meta[name] for name in ("e_tag", "version") if meta.get(name) is not None}
