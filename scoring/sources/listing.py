"""Give found files their ids, and put them in natural order: in memory while they are few, else in a file on disk."""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, takewhile
from pathlib import Path
from typing import overload

import pyarrow as pa

from scoring.sources.entries import FoundFile, ImageEntry
from scoring.sources.natural_order import RUN_ROWS, Row, StoredRows, natural_key, read_rows, sort_rows, write_rows

_ROW_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field("path", pa.string()),
        pa.field("size_bytes", pa.int64()),
        pa.field("raw_path", pa.binary()),
        pa.field("position", pa.int64()),
        pa.field("image_id", pa.string()),
    ]
)
_ROWS_AT_ONCE = 4096


class CommonFolder:
    """The folder that all paths seen so far share."""

    def __init__(self) -> None:
        self._least: list[str] | None = None
        self._greatest: list[str] = []
        self._last = ""

    def see(self, path: str) -> None:
        """Take one more path into account."""
        folder = path.rpartition("/")[0]
        if self._least is not None and folder == self._last:
            return
        self._last = folder
        steps = path.split("/")[:-1]
        self._least = steps if self._least is None else min(self._least, steps)
        self._greatest = max(self._greatest, steps)

    @property
    def depth(self) -> int:
        """How many folders deep it is."""
        steps = zip(self._least or [], self._greatest, strict=False)
        return len(list(takewhile(lambda pair: pair[0] == pair[1], steps)))


class LongListing(Sequence[ImageEntry]):
    """Entries that are made when they are looked at, so that any number of them takes no memory."""

    def __init__(self, length: int, read: Callable[[int, int], list[ImageEntry]]) -> None:
        """`read` returns the entries from one number to before another."""
        self._length = length
        self._read = read

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[ImageEntry]:
        for start in range(0, self._length, _ROWS_AT_ONCE):
            yield from self._read(start, min(start + _ROWS_AT_ONCE, self._length))

    @overload
    def __getitem__(self, index: int) -> ImageEntry: ...

    @overload
    def __getitem__(self, index: slice) -> list[ImageEntry]: ...

    def __getitem__(self, index: int | slice) -> ImageEntry | list[ImageEntry]:
        if isinstance(index, slice):
            start, stop, step = index.indices(self._length)
            return self._read(start, max(start, stop))[::step]
        number = range(self._length)[index]
        return self._read(number, number + 1)[0]


def map_entries(images: Sequence[ImageEntry], change: Callable[[ImageEntry], ImageEntry]) -> Sequence[ImageEntry]:
    """The same images, each changed: at once if they are in memory, else when they are looked at."""
    if isinstance(images, list):
        return [change(image) for image in images]
    return LongListing(len(images), lambda start, stop: [change(image) for image in images[start:stop]])


def list_entries(files: Iterable[FoundFile], keeps_order: bool) -> Sequence[ImageEntry]:
    """Make entries of files.

    Args:
        files: Any number of them; those without an id get their path below the common folder, without suffix unless two
            would then have the same.
        keeps_order: Leave them in their order instead of the natural order of ids; they bring their ids.
    """
    common = CommonFolder()
    seen = _seen(files, common)
    first = list(islice(seen, RUN_ROWS))
    if len(first) < RUN_ROWS:
        return _in_memory(first, common.depth, keeps_order)
    return _on_disk(chain(first, seen), common, keeps_order)


def _seen(files: Iterable[FoundFile], common: CommonFolder) -> Iterator[FoundFile]:
    for file in files:
        if file.image_id is None:
            common.see(file.path)
        yield file


def _in_memory(files: list[FoundFile], depth: int, keeps_order: bool) -> list[ImageEntry]:
    bare = [_bare(file.path) for file in files if file.image_id is None]
    with_suffix = len(set(bare)) < len(bare)
    entries = [_entry(file, depth, with_suffix) for file in files]
    return entries if keeps_order else sorted(entries, key=lambda entry: (natural_key(entry.image_id), entry.path))


def _on_disk(files: Iterable[FoundFile], common: CommonFolder, keeps_order: bool) -> LongListing:
    with tempfile.TemporaryDirectory(prefix="shardscore-") as scratch:
        path, with_suffix = Path(scratch) / "sorted", False
        if keeps_order:
            write_rows((_row(file, "") for file in files), _ROW_SCHEMA, path)
        else:
            sort_rows((_row(file, file.image_id or _bare(file.path)) for file in files), _ROW_SCHEMA, path)
            with_suffix = _has_twins(path)
        if with_suffix:
            again = Path(scratch) / "sorted-again"
            sort_rows(((natural_key(row[1]), *row[1:]) for row in read_rows(path)), _ROW_SCHEMA, again)
            path = again
        rows = StoredRows(path)  # readable for as long as it is held, though its folder goes now
    depth = common.depth
    return LongListing(
        len(rows),
        lambda start, stop: [_entry(FoundFile(*row[1:]), depth, with_suffix) for row in rows.between(start, stop)],
    )


def _row(file: FoundFile, sorted_by: str) -> Row:
    return natural_key(sorted_by), file.path, file.size_bytes, file.raw_path, file.position, file.image_id


def _has_twins(path: Path) -> bool:
    """Whether two paths differ in their suffix alone; sorted, they lie beside each other."""
    last = None
    for _, image_path, *_, image_id in read_rows(path):
        bare = _bare(image_path)
        if image_id is None and bare == last:
            return True
        last = bare
    return False


def _entry(file: FoundFile, depth: int, with_suffix: bool) -> ImageEntry:
    image_id = file.image_id
    if image_id is None:
        below = file.path.split("/", depth)[depth]
        image_id = below if with_suffix else _bare(below)
    return ImageEntry(image_id, file.path, file.size_bytes, file.raw_path, None, file.position)


def _bare(path: str) -> str:
    return os.path.splitext(path)[0]
