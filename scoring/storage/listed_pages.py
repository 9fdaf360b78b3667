"""A list of the objects below a prefix, page by page as a store answers, and never taken for ended too early."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

import obstore
from obstore.exceptions import BaseError, GenericError
from obstore.store import ObjectStore

from scoring.storage.bucket_answers import refuses_setting
from scoring.storage.listed_folder import (
    Listed,
    Tell,
    can_begin_anywhere,
    is_answered,
    is_in_byte_order,
    listed,
    unbroken,
)
from scoring.storage.stamps import object_stamp
from scoring.storage.urls import LISTED_AT_ONCE

ASKED_AGAIN_AFTER_S = (0.5, 2.0)  # where an answer is no list
_SHORTEST_PAGE = 100  # no server is known that gives fewer objects at once and says nothing of where it goes on
_NO_LIST = (
    "Expected a list with {place}, which the server has just named; it gives an empty one, as of all that it was asked "
    "for then. A gateway may answer in its place, or the objects are being removed: run again."
)
_STAYS = (
    "Expected what was removed to be gone; {key} is still there, though the server has twice answered as if it removed "
    "it. Remove it by other means, or use another prefix."
)
_OTHER_LIST = "Expected {key} again in the list that broke off behind it; it is gone, or changed. Run again."
_BEGINS_ANEW = (
    f"Expected a server that continues its lists, as S3 does since version 2 of them; this one gives {LISTED_AT_ONCE} "
    "objects and then the same again, so others may be missing. Use another server or prefix, or a local copy."
)


def answers(
    store: ObjectStore, key: str, behind: str | None = None, tell: Tell = object_stamp
) -> Iterator[list[Listed]]:
    """What the store answers when it is asked for the objects below a prefix, or for those of them behind a key."""
    return _unbroken(partial(_rest, store, key, behind, tell), _Seen())


def _asked(store: ObjectStore, key: str, behind: str | None, tell: Tell) -> Iterator[list[Listed]]:
    pages = obstore.list(store, key or None, offset=behind, chunk_size=LISTED_AT_ONCE)
    return (listed(page, tell) for page in pages)


def is_full(page: Sequence[Listed]) -> bool:
    """Whether the store could name no more at once, so that there may be more."""
    return len(page) >= LISTED_AT_ONCE


def pages_of(store: ObjectStore, key: str, tell: Tell = object_stamp) -> Iterator[list[Listed]]:
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
    yield from _unbroken(partial(_rest, store, key, None, tell), seen)
    if seen.num < _SHORTEST_PAGE or not can_begin_anywhere(store):
        return
    before = None
    while seen.last != before:
        before = seen.last
        for page in _behind(store, key, seen, tell):
            seen.add(page)
            yield page


def pages_left(store: ObjectStore, key: str) -> Iterator[list[Listed]]:
    """The objects below a prefix, for a caller that removes each page before it takes the next, until none is left.

    Or until the same come again: some cannot be removed by what a list calls them, as the mark of a folder, which is
    not there by that key.

    Raises:
        obstore.exceptions.BaseError: See `bucket_faults`; also if one that holds something is there after two removals.
    """
    before: tuple[Listed | int, ...] | None = None
    now, filled = tuple[Listed | int, ...](), list[str]()
    while now != before:
        before, now, filled, num = now, (), [], 0
        for page in _unbroken(lambda _: _asked(store, key, None, object_stamp), _Seen()):
            num += len(page)
            now = (now[0] if now else page[0], page[-1], num)
            filled = [path for path, size_bytes, _ in page if size_bytes] or filled
            yield page
    for path in filled:
        with suppress(FileNotFoundError):
            obstore.head(store, path)
            raise GenericError(_STAYS.format(key=path))


class _Seen:
    """How far a list has come; a key may end with a slash, which is not told.

    Attributes:
        num: How many objects it has named.
        first: The first of them.
        before_last: One that comes before it, the nearest; where there is none, as of a twin alone, what does.
        highest: The last of them in the order of their bytes, which few servers do not keep.
        end: The last of them, with what else is told of it; None before the first.
    """

    def __init__(self) -> None:
        self.num, self.first, self.before_last, self.highest = 0, "", "", ""
        self.end: Listed | None = None

    @property
    def last(self) -> str:
        """The last of them."""
        return self.end[0] if self.end else ""

    def add(self, page: Sequence[Listed]) -> None:
        """Note some more, at least one."""
        names = [self.last, *(name for name, _, _ in page)]
        self.first = self.first or names[1]
        self.end = page[-1]
        # None that comes before the first one, as `a` does, a folder's mark `a/`, where `a.jpg` is the first.
        before = (name for name in (*reversed(names[:-1]), self.before_last) if self.first <= name < self.last)
        self.before_last = next(before, self.last[:-1])
        self.highest = max(self.highest, *names)
        self.num += len(page)

    def is_begun_anew(self, page: Sequence[Listed]) -> bool:
        """Whether this is the beginning of the same list again."""
        return page[0][0] == self.first and self.first not in (self.before_last, self.last)


def _unbroken(ask: Callable[[_Seen], Iterator[list[Listed]]], seen: _Seen) -> Iterator[list[Listed]]:
    """The pages of a list, noted in `seen`; where an answer breaks off, `ask` is called again with that."""
    pages = ask(seen)

    def next_page() -> list[Listed] | None:
        nonlocal pages
        try:
            return next(pages, None)
        except BaseError:
            pages = ask(seen)
            raise

    while (page := unbroken(next_page)) is not None:
        if page:
            seen.add(page)
            yield page


def _rest(store: ObjectStore, key: str, behind: str | None, tell: Tell, seen: _Seen) -> Iterator[list[Listed]]:
    """What of a list has not been seen."""
    if seen.end is None:
        return _asked(store, key, behind, tell)
    if is_in_byte_order(store):
        return _behind_end(_asked(store, key, seen.before_last or behind, tell), seen.end, seen.highest)
    return _behind_end(_asked(store, key, behind, tell), seen.end, None)


def _behind_end(pages: Iterator[list[Listed]], end: Listed, highest: str | None) -> Iterator[list[Listed]]:
    """What comes behind an object; where it is not there, behind a key, or else an error."""
    for page in pages:
        if end in page:
            yield page[page.index(end) + 1 :]
            yield from pages
            return
        yield [one for one in page if highest is not None and one[0] > highest]
    if highest is None:
        raise GenericError(_OTHER_LIST.format(key=end[0]))


def _behind(store: ObjectStore, key: str, seen: _Seen, tell: Tell) -> Iterator[list[Listed]]:
    """What comes behind a list's last object; nothing where a server does not let it be asked for."""
    ask, highest = partial(answers, store, key, seen.before_last, tell), seen.highest
    try:
        for page in not_empty(ask, seen.last, lambda: is_answered(store, key), ASKED_AGAIN_AFTER_S):
            if seen.is_begun_anew(page):
                if seen.num == len(page) == LISTED_AT_ONCE:
                    raise GenericError(_BEGINS_ANEW)
                return
            if new := [one for one in page if one[0] > highest]:
                yield new
    except GenericError as error:
        if not refuses_setting(error) or not seen.num % LISTED_AT_ONCE:
            raise


def not_empty(
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
