"""An object of a bucket, read so that what comes is of the content that was looked at."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import obstore
from obstore.exceptions import PreconditionError
from obstore.store import ObjectStore

from scoring.errors import BucketError, TooLargeError
from scoring.storage.bucket_clients import bucket_faults
from scoring.storage.stamps import Seen, bare_tag, has_changed, object_identity, object_stamp, object_stamps, told_time

_AT_ONCE_BYTES = 1024**2


class StoredObject(NamedTuple):
    """An object that is there to be read.

    What `seen` names is what a look at it has told: what is read of it later is of that content, or an error.

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
        with bucket_faults(self.url):
            found = obstore.get(self.store, self.key)
            return bytes(found.bytes()), found.meta

    def read_limited(self, limit: int) -> tuple[bytes, Seen]:
        """Its content, of which no more than `limit` bytes and a little are ever held, and what the answer tells.

        Raises:
            TooLargeError: If there is more.
        """
        parts, size = [], 0
        with bucket_faults(self.url):
            found = obstore.get(self.store, self.key)
            for part in found.stream():
                size += len(part)
                if size > limit:
                    raise TooLargeError
                parts.append(part)
            meta = found.meta
        # without a tag, lists and answers tell the time in different ways
        stamps = partial(object_stamps, meta) if meta.get("e_tag") else frozenset[int]
        return b"".join(parts), Seen(meta["size"], object_stamp(meta), stamps)

    def read_part(self, start: int, length: int, seen: Mapping[str, Any] | None) -> bytes:
        """Read `length` bytes from `start` on, fewer at its end, with one request."""
        with bucket_faults(self.url):
            return bytes(self._get(seen, range=(start, start + length)).bytes())

    def download(self, path: Path, seen: Mapping[str, Any]) -> None:
        """Write its content into a file, some megabytes in memory at a time.

        A connection that is lost is made again, as long as each brings some more.
        """
        with path.open("wb") as file:
            while True:
                before = file.tell()
                try:
                    with bucket_faults(self.url):
                        rest = self._get(seen, range={"offset": before}) if before else self._get(seen)
                        for part in rest.stream(_AT_ONCE_BYTES):
                            file.write(part)
                    return
                except BucketError:
                    if file.tell() == before or object_identity(seen) is None:
                        raise

    def _get(self, seen: Mapping[str, Any] | None, **options: Any) -> "obstore.GetResult":
        """Ask for content; the answer is compared too, for servers that ignore the condition."""
        tag = seen.get("e_tag") if seen else None
        is_condition = tag and not tag.startswith("W/")  # If-Match is never true of a weak one: RFC 9110, 13.1.1
        asked: Any = {**options, "if_match": tag} if is_condition else options
        try:
            found = obstore.get(self.store, self.key, options=asked)
        except PreconditionError as error:
            raise has_changed(self.url) from error
        if seen:
            self._compare(found.meta, seen)
        return found

    def _compare(self, meta: Mapping[str, Any], seen: Mapping[str, Any]) -> None:
        """Refuse an answer of another content, by its tag, or where it has none, by when that was written."""
        sent, tag = meta.get("e_tag"), seen.get("e_tag")
        is_of_another_time = len({told_time(meta), told_time(seen)} - {None}) > 1
        if (bare_tag(sent) != bare_tag(tag)) if sent and tag else is_of_another_time:
            raise has_changed(self.url)
