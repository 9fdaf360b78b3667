"""A list of the objects below a prefix, page by page as a store answers, and never taken for ended too early."""

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import obstore
from obstore.exceptions import GenericError
from obstore.store import ObjectStore

from scoring.storage.listed_folder import Listed, can_begin_anywhere, listed, slashed_bucket
from scoring.storage.urls import LISTED_AT_ONCE

_ASKED_AGAIN_AFTER_S = (0.5, 2.0)  # where an answer is no list
_NO_LIST = (
    "Expected a list with {place}, which the server has just named; it gives an empty one. A gateway may answer in its "
    "place, or the objects are being removed: run again."
)
_BEGINS_ANEW = (
    f"Expected a server that continues its lists, as S3 does since version 2 of them; this one gives {LISTED_AT_ONCE} "
    "objects and then the same again, so others may be missing. Use another server or prefix, or a local copy."
)


def answers(store: ObjectStore, key: str, behind: str | None = None) -> Iterator[list[Listed]]:
    """What the store answers when it is asked for the objects below a prefix, or for those of them behind a key."""
    return map(listed, obstore.list(store, key or None, offset=behind, chunk_size=LISTED_AT_ONCE))


def is_full(page: Sequence[Listed]) -> bool:
    """Whether the store could name no more at once, so that there may be more."""
    return len(page) >= LISTED_AT_ONCE


def pages_of(store: ObjectStore, key: str) -> Iterator[list[Listed]]:
    """The objects below a prefix, in the store's order, as they are answered.

    Some servers leave out where a list goes on, and a page of something else than a list is read as an empty one: both
    look as if the list ended there. So an end is believed only where the server, asked for what comes behind the last
    object but one, gives the last one and no more. It cannot be asked so of keys that begin with a slash.

    Raises:
        obstore.exceptions.BaseError: See `bucket_faults`; also if the server gives nothing then, or if it answers with
            the only page again, as one does that knows lists of version 1 alone.
    """
    seen = _Seen()
    for page in answers(store, key):
        seen.add(page)
        yield page
    if not seen.last or not can_begin_anywhere(store) or slashed_bucket(store, key):
        return
    before = None
    while seen.last != before:
        before = seen.last
        for page in _behind(store, key, seen):
            seen.add(page)
            yield page


def pages_left(store: ObjectStore, key: str) -> Iterator[list[Listed]]:
    """The objects below a prefix, for a caller that removes each page before it takes the next, until none is left.

    Or until the same come again: some cannot be removed by what a list calls them, as the mark of a folder.
    """
    before = None
    while True:
        first = None
        for page in answers(store, key):
            first = first or page[0]
            yield page
        if first is None or first == before:
            return
        before = first


class _Seen:
    """How far a list has come; a key may end with a slash, which is not told.

    Attributes:
        num: How many objects it has named.
        first: The first of them.
        last: The last of them.
        before_last: The one before, or what comes before the only one.
    """

    def __init__(self) -> None:
        self.num, self.first, self.before_last, self.last = 0, "", "", ""

    def add(self, page: Sequence[Listed]) -> None:
        """Note some more, at least one."""
        names = [name for name, _, _ in page[-2:]]
        self.first = self.first or page[0][0]
        self.before_last = names[0] if len(names) > 1 else (self.last or names[0][:-1])
        self.last = names[-1]
        self.num += len(page)

    def is_begun_anew(self, page: Sequence[Listed]) -> bool:
        """Whether this is the beginning of the same list again."""
        return page[0][0] == self.first and self.first not in (self.before_last, self.last)


def _behind(store: ObjectStore, key: str, seen: _Seen) -> Iterator[list[Listed]]:
    """What comes behind a list's last object."""
    pages = not_empty(partial(answers, store, key, seen.before_last), seen.last)
    page = next(pages)
    if seen.is_begun_anew(page):
        if seen.num == LISTED_AT_ONCE:
            raise GenericError(_BEGINS_ANEW)
        return
    numbers = [number for number, (name, _, _) in enumerate(page, 1) if name == seen.last]
    if new := page[numbers[-1] :] if numbers else [one for one in page if one[0] > seen.last]:
        yield new
    yield from pages


def not_empty(ask: Callable[[], Iterator[list[Listed]]], place: str) -> Iterator[list[Listed]]:
    """The pages of a list that has some, because the server has named `place`; asked for again if it is empty."""
    for wait_s in (*_ASKED_AGAIN_AFTER_S, None):
        pages = ask()
        if first := next(pages, None):
            yield first
            yield from pages
            return
        if wait_s is not None:
            time.sleep(wait_s)
    raise GenericError(_NO_LIST.format(place=place))
