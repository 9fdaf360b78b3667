"""An object or a prefix in a bucket, used as a path is."""

import errno
import io
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from functools import total_ordering
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeAlias

import obstore
from obstore.exceptions import AlreadyExistsError, NotSupportedError, PreconditionError
from obstore.store import ObjectStore

from scoring.errors import BucketError, TooLargeError
from scoring.storage.bucket_clients import bucket_faults, open_bucket

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
        from scoring.storage.prefix_listing import list_objects  # local runs list no bucket

        with bucket_faults(self):
            for path, size_bytes, stamp in list_objects(self._store, self.key):
                yield path[len(self.key) :].lstrip("/") if self.key else path, size_bytes, stamp

    def iterdir(self) -> Iterator["Url"]:
        """What lies directly below: objects and prefixes, without the empty object that marks this one as a folder."""
        with bucket_faults(self):
            found = obstore.list_with_delimiter(self._store, self.key or None)
        for key in [*found["common_prefixes"], *(meta["path"] for meta in found["objects"])]:
            if key != self.key:
                yield Url(self.scheme, self.bucket, key)

    def glob(self, pattern: str) -> Iterator["Url"]:
        """The objects directly below whose name matches."""
        for below, _ in self.objects():
            if "/" not in below and fnmatchcase(below, pattern):
                yield self / below

    def size_and_version(self) -> tuple[int, Version]:
        """An object's size in bytes, and which version of it is there."""
        with bucket_faults(self):
            found = obstore.head(self._store, self._object_key)
        return found["size"], _version(found)

    def stamp(self) -> tuple[int, Version]:
        """The object's stamp, which tells its content from others, and which version it is."""
        with bucket_faults(self):
            found = obstore.head(self._store, self._object_key)
        return _stamp(found), _version(found)

    def stamps(self) -> frozenset[int]:
        """All stamps that the object may have, as lists and answers spell what tells its content."""
        from scoring.storage.stamps import object_stamps

        with bucket_faults(self):
            return object_stamps(obstore.head(self._store, self._object_key))

    def read_range(self, start: int, length: int, version: Version | None = None) -> bytes:
        """Read `length` bytes from `start` on, fewer at the object's end, with one request.

        Args:
            start: The first byte.
            length: How many.
            version: Read this one; None reads whatever is there.

        Raises:
            OSError: If it cannot be read, or another version is there.
        """
        if not length:
            return b""
        tag = (version or {}).get("e_tag")
        try:
            with bucket_faults(self):
                if tag is None:
                    return bytes(obstore.get_range(self._store, self._object_key, start=start, length=length))
                return self._read_tagged(start, length, tag)
        except BucketError as error:
            if "InvalidRange" in str(error):  # it ends before `start`
                return b""
            raise

    def _read_tagged(self, start: int, length: int, tag: str) -> bytes:
        options: Any = {"range": (start, start + length), "if_match": tag}
        try:
            return bytes(obstore.get(self._store, self._object_key, options=options).bytes())
        except PreconditionError as error:
            from scoring.storage.stamps import has_changed  # as in `_stamp`

            raise has_changed(self) from error

    def read_version(self) -> tuple[bytes, Version]:
        """An object's content, and which version of it that is."""
        with bucket_faults(self):
            found = obstore.get(self._store, self._object_key)
            return bytes(found.bytes()), _version(found.meta)

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
        parts, size = [], 0
        with bucket_faults(self):
            for part in obstore.get(self._store, self._object_key).stream():
                size += len(part)
                if size > limit:
                    raise TooLargeError
                parts.append(part)
        return b"".join(parts)

    def download(self, path: Path) -> None:
        """Write an object's content into a file, some megabytes in memory at a time."""
        with bucket_faults(self), path.open("wb") as file:
            for part in obstore.get(self._store, self._object_key).stream():
                file.write(part)

    def write_bytes(self, content: bytes) -> None:
        """Write the object, whatever was there."""
        with bucket_faults(self):
            obstore.put(self._store, self._object_key, content, use_multipart=False)

    def upload(self, path: Path) -> None:
        """Write the object from a file, with one PUT."""
        with path.open("rb") as file:
            self.write_bytes(file.read())

    def write_if(self, version: Version | None, content: bytes) -> bool:
        """Write the object if it is of this version still, or for None, if it does not exist.

        Looks first, for servers that ignore the condition or refuse it: with those, two that write in the same moment
        both succeed.

        Returns:
            Whether it was written.
        """
        if self._present_version() != version:
            return False
        with bucket_faults(self):
            try:
                mode: Any = "create" if version is None else version
                obstore.put(self._store, self._object_key, content, mode=mode)
            except (AlreadyExistsError, PreconditionError):
                return False
            except NotSupportedError:
                self.write_bytes(content)
        return True

    def _present_version(self) -> Version | None:
        try:
            return self.size_and_version()[1]
        except FileNotFoundError:
            return None

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the object."""
        if not missing_ok:
            self.size_and_version()
        with bucket_faults(self):
            obstore.delete(self._store, self._object_key)

    def remove_below(self, check: Callable[[], None]) -> None:
        """Remove every object below, as many at a time as are listed at once; what `check` raises ends it."""
        with bucket_faults(self):
            for page in obstore.list(self._store, self._object_key, chunk_size=LISTED_AT_ONCE):
                check()
                obstore.delete(self._store, [found["path"] for found in page])

    def open(self, buffer_bytes: int = BUFFER_BYTES) -> BinaryIO:
        """Open the object for reading; what is read is fetched in ranges of at least `buffer_bytes`.

        All ranges are of the version that the first read finds: an object that is replaced meanwhile is an OSError.
        """
        from scoring.storage.ranged_file import RangedFile  # local runs need none

        version: Version = {}

        def size_bytes() -> int:
            size, found = self.size_and_version()
            version.update(found)
            return size

        ranges = RangedFile(size_bytes, lambda start, length: self.read_range(start, length, version))
        return io.BufferedReader(ranges, buffer_bytes)

    @property
    def _store(self) -> ObjectStore:
        return open_bucket(self.scheme, self.bucket)

    @property
    def _object_key(self) -> str:
        if not self.key:
            raise FileNotFoundError(errno.ENOENT, "a bucket is no object", str(self))
        return self.key


def _stamp(meta: Any) -> int:
    from scoring.storage.stamps import object_stamp  # only lists and what is read by position need it

    return object_stamp(meta)


def _version(meta: Any) -> Version:
    return {name: meta[name] for name in ("e_tag", "version") if meta.get(name) is not None}
