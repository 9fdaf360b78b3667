"""Lists of several folders of a bucket, asked for at the same time, each by a thread.

A store answers with a thousand objects at a time, and one answer after the other, so a listing takes as long as its
answers take in turn. A folder that is far ahead of the reader waits.
"""

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import Full, Queue
from typing import TypeAlias

from obstore.store import ObjectStore

from scoring.storage.listed_folder import Folder, Listed
from scoring.storage.listed_pages import ASKED_AGAIN_AFTER_S, not_empty, pages_of

_SIDE_BY_SIDE = 16  # folders
_PAGES_HELD = 32  # of each folder; of all together some 100 MB
_LOOK_S = 0.1  # how often a thread that waits looks whether the reader has gone

# Of one folder, as they come; None is the end, an exception what kept it from being listed.
_Pages: TypeAlias = "Queue[list[Listed] | BaseException | None]"


class FoldersSideBySide:
    """Lists some folders ahead of the one that is read; a context manager that ends its threads."""

    def __init__(self, store: ObjectStore, folder: Folder) -> None:
        self._store, self._folder = store, folder
        self._ended, self._names_empty = threading.Event(), threading.Event()
        self._threads = ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="list")

    def __enter__(self) -> "FoldersSideBySide":
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
        ask, waits_s = (
            partial(pages_of, self._store, key),
            (0.0,) if self._names_empty.is_set() else ASKED_AGAIN_AFTER_S,
        )
        page = None
        try:
            for page in not_empty(ask, f"{key}/", self._folder.is_answered, waits_s):
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
