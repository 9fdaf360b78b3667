"""All objects below a prefix, in the store's order: of one with many folders, several are listed at the same time.

A store answers with a thousand objects at a time, and one answer after the other, so a listing takes as long as its
answers take in turn. Folders are asked for side by side, each by a thread; one that is far ahead of the reader waits.
"""

import errno
import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Full, Queue
from typing import Any, TypeAlias

import obstore
from obstore.exceptions import GenericError, InvalidPathError
from obstore.store import AzureStore, ObjectStore, S3Store

from scoring.storage.bucket_clients import refuses_setting
from scoring.storage.stamps import object_stamp
from scoring.storage.urls import LISTED_AT_ONCE

_SIDE_BY_SIDE = 16  # folders
_PAGES_HELD = 32  # of each folder; of all together some 100 MB
_LOOK_S = 0.1  # how often a thread that waits looks whether the reader has gone
_ASKED_AGAIN_AFTER_S = (0.5, 2.0)  # where an answer is no list
_SHORTEST_PAGE = 100  # no server is known that gives fewer objects at once and says nothing of where it goes on
_NO_LIST = (
    "Expected a list with {place}, which the server has just named; it gives an empty one, as of all that it was asked "
    "for then. A gateway may answer in its place, or the objects are being removed: run again."
)
_BEGINS_ANEW = (
    f"Expected a server that continues its lists, as S3 does since version 2 of them; this one gives {LISTED_AT_ONCE} "
    "objects and then the same again, so others may be missing. Use another server or prefix, or a local copy."
)

# An object's key, its size in bytes and its stamp.
Listed: TypeAlias = tuple[str, int, int]
# Of one folder, as they come; None is the end, an exception what kept it from being listed.
_Pages: TypeAlias = "Queue[list[Listed] | BaseException | None]"


def list_objects(store: ObjectStore, key: str) -> Iterator[Listed]:
    """The objects below a prefix; those that lie directly in it, and some pages of each folder, are in memory.

    Of a whole bucket, those whose keys begin with a slash come last, with it; empty ones, such as the mark of a folder,
    are left out.

    Raises:
        obstore.exceptions.BaseError: See `bucket_faults`, which callers put around this.
    """
    pages = pages_of(store, key)
    first = next(pages, [])
    if key:
        yield from first
    is_short = len(first) < LISTED_AT_ONCE
    folder = _slashed(store, key) if is_short else _divided(store, first, key)
    if folder and folder.is_slashed:
        yield from _with_slashed(store, folder, first, is_short and next(pages, None) is None)
        return
    if not key:
        yield from first
    if folder is None:
        for page in pages:
            yield from page
        return
    seen = Counter(name for name, _, _ in first)
    with _SideBySide(store, folder) as listing:
        for listed in listing.objects():
            if seen[listed[0]]:
                seen[listed[0]] -= 1
            else:
                yield listed


def list_directly(store: ObjectStore, key: str) -> list[str]:
    """The keys of the folders and the objects that lie directly in a prefix, each once."""
    folder = _Folder(store, key)
    if folder.is_whole():
        return [*folder.folders, *(name for name, _, _ in folder.objects)]
    start = len(key) + 1 if key else 0
    listed = (name for page in pages_of(store, key) for name, _, _ in page)
    return list(dict.fromkeys(name[:start] + name[start:].partition("/")[0] for name in listed))


def find_stamp(store: ObjectStore, key: str) -> int:
    """The stamp that `list_objects` gives an object.

    Raises:
        FileNotFoundError: If it is not there.
    """
    above = key.rpartition("/")[0]
    pages = obstore.list(store, above or None, offset=key[:-1], chunk_size=LISTED_AT_ONCE)
    found = next((meta for page in pages for meta in page if meta["path"] >= key), None)
    if found is None or found["path"] != key:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), key)
    return object_stamp(found)


class _Folder:
    """What lies directly in a prefix: objects, and the keys of folders.

    Attributes:
        is_slashed: Whether some keys begin with a slash; the whole bucket alone lists them, without it.
    """

    def __init__(self, store: ObjectStore, key: str) -> None:
        self._store, self._key = store, key
        found = obstore.list_with_delimiter(store, key or None)
        self.objects: list[Listed] = [(meta["path"], meta["size"], object_stamp(meta)) for meta in found["objects"]]
        self.folders = [folder for folder in found["common_prefixes"] if folder]
        self.is_slashed = "" in found["common_prefixes"]

    def is_whole(self) -> bool:
        """Whether this is all; False also where the server does not say, and where it names nothing."""
        names = [name for name, _, _ in self.objects] + [f"{folder}0" for folder in self.folders]  # `0` follows `/`
        if not names:
            return False
        if not _can_begin_anywhere(self._store):
            return True
        try:
            behind = obstore.list(self._store, self._key or None, offset=max(names), chunk_size=1)
            return next(behind, None) is None and self.is_answered()
        except GenericError as error:
            if refuses_setting(error) and len(names) % LISTED_AT_ONCE:
                return True
            raise

    def is_answered(self) -> bool:
        """Whether the server gives lists, of which one that is empty is then to be believed."""
        return _is_answered(self._store, self._key)

    @property
    def only(self) -> str | None:
        """The one folder in it, if there is nothing else."""
        return self.folders[0] if len(self.folders) == 1 and not self.objects else None


def _divided(store: ObjectStore, page: Sequence[Listed], key: str) -> _Folder | None:
    """What a prefix, or the one folder in it, is divided into; None where the first page has objects directly there."""
    while all("/" in name[len(key) :].strip("/") for name, size_bytes, _ in page if size_bytes):
        found = _Folder(store, key)
        if found.is_slashed:
            return found
        if found.only is None:
            return found if len(found.folders) > 1 and found.is_whole() else None
        key = found.only
    return None


def _slashed(store: ObjectStore, key: str) -> _Folder | None:
    """The whole bucket, if some of its keys begin with a slash."""
    folder = None if key else _Folder(store, key)
    return folder if folder and folder.is_slashed else None


def _with_slashed(store: ObjectStore, folder: _Folder, first: Sequence[Listed], is_short: bool) -> Iterator[Listed]:
    """The objects of a whole bucket, some of whose keys begin with a slash.

    Args:
        store: The bucket.
        folder: The same, which lists all others.
        first: Its first page, which has keys without the slash they begin with.
        is_short: Whether that is all.

    Raises:
        InvalidPathError: If more keys behind that page may begin with a slash.
    """
    unfound = Counter(first)
    with _SideBySide(store, folder) as listing:
        for listed in listing.objects():
            unfound[listed] -= 1
            yield listed
    left = +unfound
    slashed = [(f"/{name}", size_bytes, stamp) for name, size_bytes, stamp in left.elements() if size_bytes]
    is_whole = is_short or (left and first[-1] not in left and first[-1][0] >= "/" and folder.is_whole())
    if not is_whole:  # keys come in order
        such = f", as {slashed[0][0]}," if slashed else ""
        raise InvalidPathError(
            f"Expected keys without empty parts; some begin with a slash{such} and cannot be listed. Name a prefix, or "
            "rename them."
        )
    yield from slashed


class _SideBySide:
    """Lists some folders ahead of the one that is read; a context manager that ends its threads."""

    def __init__(self, store: ObjectStore, folder: _Folder) -> None:
        self._store, self._folder = store, folder
        self._ended, self._names_empty = threading.Event(), threading.Event()
        self._threads = ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="list")

    def __enter__(self) -> "_SideBySide":
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def objects(self) -> Iterator[Listed]:
        """All objects, in order of their keys."""
        # A folder stands where the slash at its end puts it: behind `a.jpg`, before `a0.jpg`.
        order: list[tuple[str, Listed | None]] = [(listed[0], listed) for listed in self._folder.objects]
        order += [(f"{key}/", None) for key in self._folder.folders]
        order.sort(key=lambda item: item[0])
        coming = iter([key.removesuffix("/") for key, listed in order if listed is None])
        ahead: deque[_Pages] = deque()
        for _, listed in order:
            if listed is not None:
                yield listed
                continue
            while len(ahead) < _SIDE_BY_SIDE and (key := next(coming, None)) is not None:
                ahead.append(self._start(key))
            yield from _drained(ahead.popleft())

    def _start(self, key: str) -> _Pages:
        pages: _Pages = Queue(_PAGES_HELD)
        self._threads.submit(self._list, key, pages)
        return pages

    def _list(self, key: str, pages: _Pages) -> None:
        waits_s = (0.0,) if self._names_empty.is_set() else _ASKED_AGAIN_AFTER_S
        page = None
        try:
            for page in _not_empty(lambda: pages_of(self._store, key), f"{key}/", self._folder.is_answered, waits_s):
                if not self._put(page, pages):
                    return
            if page is None:  # some servers keep folders whose objects are gone, maybe many
                self._names_empty.set()
        except BaseException as error:  # noqa: BLE001  # raised where the folder is read
            self._put(error, pages)
            return
        self._put(None, pages)

    def _put(self, item: list[Listed] | BaseException | None, pages: _Pages) -> bool:
        """Hand a page over; False if nobody wants it any more."""
        while not self._ended.is_set():
            try:
                pages.put(item, timeout=_LOOK_S)
            except Full:
                continue
            return True
        return False


def _drained(pages: _Pages) -> Iterator[Listed]:
    while (item := pages.get()) is not None:
        if isinstance(item, BaseException):
            raise item
        yield from item


def pages_of(store: ObjectStore, key: str) -> Iterator[list[Listed]]:
    """The objects below a prefix, in the store's order, as they are answered.

    Some servers leave out where a list goes on, and a page of something else than a list is read as an empty one: both
    look as if the list ended there. So the end of one that is no shorter than a page is asked for again, from the last
    object but one on. Of keys that begin with a slash, or come in another order, nothing may be there: that is believed
    where the server gives the beginning of the list.

    Raises:
        obstore.exceptions.BaseError: See `bucket_faults`; also if the server gives nothing then, or if it answers with
            the only page again, as one does that knows lists of version 1 alone.
    """
    seen = _Seen()
    for page in obstore.list(store, key or None, chunk_size=LISTED_AT_ONCE):
        listed = _listed(page)
        seen.add(listed)
        yield listed
    if seen.num < _SHORTEST_PAGE or not _can_begin_anywhere(store):
        return
    before = None
    while seen.last != before:
        before = seen.last
        for listed in _behind(store, key, seen):
            seen.add(listed)
            yield listed


def pages_left(store: ObjectStore, key: str) -> Iterator[list[Listed]]:
    """The objects below a prefix, for a caller that removes each page before it takes the next, until none is left.

    Or until the same come again: some cannot be removed by what a list calls them, as the mark of a folder.
    """
    before = None
    while True:
        first = None
        for page in obstore.list(store, key or None, chunk_size=LISTED_AT_ONCE):
            listed = _listed(page)
            first = first or listed[0]
            yield listed
        if first is None or first == before:
            return
        before = first


def _listed(page: Sequence[Mapping[str, Any]]) -> list[Listed]:
    return [(meta["path"], meta["size"], object_stamp(meta)) for meta in page]


class _Seen:
    """How far a list has come; a key may end with a slash, which is not told.

    Attributes:
        num: How many objects it has named.
        first: The first of them.
        last: The last of them.
        before_last: The one before; where there is none, or it does not come before, another that does.
        highest: The last of them in the order of their bytes, which few servers do not keep.
    """

    def __init__(self) -> None:
        self.num, self.first, self.before_last, self.last, self.highest = 0, "", "", "", ""

    def add(self, listed: Sequence[Listed]) -> None:
        """Note some more, at least one."""
        names = [self.last, *(name for name, _, _ in listed)]
        self.first = self.first or names[1]
        self.last = names[-1]
        self.before_last = names[-2] if "" < names[-2] < self.last else self.last[:-1]
        self.highest = max(self.highest, *names)
        self.num += len(listed)

    def is_begun_anew(self, listed: Sequence[Listed]) -> bool:
        """Whether this is the beginning of the same list again."""
        return listed[0][0] == self.first and self.first not in (self.before_last, self.last)


def _behind(store: ObjectStore, key: str, seen: _Seen) -> Iterator[list[Listed]]:
    """What comes behind a list's last object; nothing where a server does not let it be asked for."""
    highest = seen.highest

    def ask() -> Iterator[list[Listed]]:
        return map(_listed, obstore.list(store, key or None, offset=seen.before_last, chunk_size=LISTED_AT_ONCE))

    try:
        for listed in _not_empty(ask, seen.last, lambda: _is_answered(store, key), _ASKED_AGAIN_AFTER_S):
            if seen.is_begun_anew(listed):
                if seen.num == len(listed) == LISTED_AT_ONCE:
                    raise GenericError(_BEGINS_ANEW)
                return
            if new := [one for one in listed if one[0] > highest]:
                yield new
    except GenericError as error:
        if not refuses_setting(error) or not seen.num % LISTED_AT_ONCE:
            raise


def _not_empty(
    ask: Callable[[], Iterator[list[Listed]]], place: str, is_answered: Callable[[], bool], waits_s: Sequence[float]
) -> Iterator[list[Listed]]:
    """The pages of a list that has some, because the server has named `place`; asked for again if it is empty.

    None where it stays so, and the server gives another list that cannot be empty, as `is_answered` finds.
    """
    for wait_s in (*waits_s, None):
        pages = ask()
        if first := next(pages, None):
            yield first
            yield from pages
            return
        if wait_s is not None:
            time.sleep(wait_s)
    if not is_answered():
        raise GenericError(_NO_LIST.format(place=place))


def _is_answered(store: ObjectStore, key: str) -> bool:
    return next(obstore.list(store, key or None, chunk_size=1), None) is not None


def _can_begin_anywhere(store: ObjectStore) -> bool:
    """Whether lists can be asked for from a place on; those of Azure and S3 Express have none."""
    return not (isinstance(store, AzureStore) or _is_express(store))


def _is_express(store: ObjectStore) -> bool:
    """Whether it is a directory bucket of Amazon or an access point of one: it knows no `start-after`, and no order."""
    return isinstance(store, S3Store) and store.config.get("bucket", "").endswith(("--x-s3", "--xa-s3"))
