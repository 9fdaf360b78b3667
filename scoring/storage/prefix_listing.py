"""All objects below a prefix, in the store's order: of one with many folders, several are listed at the same time."""

import errno
import os
from collections import Counter
from collections.abc import Iterator, Sequence

from obstore.exceptions import InvalidPathError
from obstore.store import ObjectStore

from scoring.storage.folders_side_by_side import FoldersSideBySide
from scoring.storage.listed_folder import Folder, Listed, slashed_bucket
from scoring.storage.listed_pages import answers, is_full, pages_of


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
    is_short = not is_full(first)
    folder = slashed_bucket(store, key) if is_short else _divided(store, first, key)
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
    with FoldersSideBySide(store, folder) as listing:
        for listed in listing.objects():
            if seen[listed[0]]:
                seen[listed[0]] -= 1
            else:
                yield listed


def names_since(store: ObjectStore, key: str, since: float) -> Iterator[str]:
    """The keys below a prefix of the objects that have been written since, in seconds since 1970."""
    for page in pages_of(store, key, lambda meta: int(meta["last_modified"].timestamp())):
        yield from (name for name, _, written_at in page if written_at >= int(since))


def list_directly(store: ObjectStore, key: str) -> list[str]:
    """The keys of the folders and the objects that lie directly in a prefix, each once."""
    folder = Folder(store, key)
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
    pages = answers(store, key.rpartition("/")[0], behind=key[:-1])
    name, _, stamp = next((one for page in pages for one in page if one[0] >= key), ("", 0, 0))
    if name != key:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), key)
    return stamp


def _divided(store: ObjectStore, page: Sequence[Listed], key: str) -> Folder | None:
    """What a prefix, or the one folder in it, is divided into; None where the first page has objects directly there."""
    while all("/" in name[len(key) :].strip("/") for name, size_bytes, _ in page if size_bytes):
        found = Folder(store, key)
        if found.is_slashed:
            return found
        if found.only is None:
            return found if len(found.folders) > 1 and found.is_whole() else None
        key = found.only
    return None


def _with_slashed(store: ObjectStore, folder: Folder, first: Sequence[Listed], is_short: bool) -> Iterator[Listed]:
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
    with FoldersSideBySide(store, folder) as listing:
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
