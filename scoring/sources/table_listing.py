"""List a table column by column: the entries that `listing` makes of its rows one by one, many times as fast.

Rows that are in natural order already are not sorted. What only single rows tell is left to `listing`: names that are
not UTF-8, ids in some rows only, and what stands twice and is refused.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import overload

import pyarrow as pa
import pyarrow.compute as pc

from scoring.pixels.formats import IMAGE_SUFFIXES
from scoring.process.one_ahead import one_ahead
from scoring.sources.entries import EntriesByColumn, FoundFile, ImageEntry
from scoring.sources.image_finder import ImageFinder
from scoring.sources.natural_order import natural_key
from scoring.sources.row_sorting import KEY, sorted_pieces
from scoring.sources.row_spool import RowSpool, in_batches
from scoring.sources.table_rows import FOUND, found_files
from scoring.sources.text_columns import bare_names, below, common_folder, natural_keys
from scoring.storage.walking import MAY_BE_HIDDEN

# In the manifest's order; all that a listing keeps of a row.
ROWS = pa.schema(
    [
        pa.field("image_id", pa.string()),
        pa.field("path", pa.string()),
        pa.field("size_bytes", pa.int64()),
        pa.field("position", pa.int64()),
        pa.field("stamp", pa.int64()),
    ]
)
_READ_AT_ONCE = 4096
# Names that `judge_name` takes for images' where they are not hidden, in both cases and without Unicode's others.
_IS_IMAGE = "(?:" + "|".join("".join(f"[{c}{c.upper()}]" for c in suffix) for suffix in sorted(IMAGE_SUFFIXES)) + ")$"


class NotByColumn(Exception):  # noqa: N818  # no error: it is listed row by row
    """A table has rows that are not listed column by column."""


class TableListing(EntriesByColumn):
    """Entries of a table, made when they are looked at.

    Args:
        spool: The rows, in order.
        folder: What all paths of rows without an id begin with; their ids are what follows.
        with_suffix: Whether those ids keep the suffix.
    """

    def __init__(self, spool: RowSpool, folder: str, with_suffix: bool) -> None:
        self._spool, self._folder, self._with_suffix = spool, folder, with_suffix

    def __len__(self) -> int:
        return self._spool.num_rows

    def rows(self, start: int, stop: int) -> pa.Table:
        """The columns of the entries from one number to before another; see `ROWS`."""
        table = self._spool.rows(start, stop)
        if not table.num_rows or table["image_id"].null_count == 0:
            return table
        path = table["path"].combine_chunks()
        ids = below(path, self._folder) if self._with_suffix else bare_names(path, self._folder)
        return table.set_column(0, ROWS.field("image_id"), ids)

    def __iter__(self) -> Iterator[ImageEntry]:
        for start in range(0, len(self), _READ_AT_ONCE):
            yield from self._entries(start, min(start + _READ_AT_ONCE, len(self)))

    @overload
    def __getitem__(self, index: int) -> ImageEntry: ...

    @overload
    def __getitem__(self, index: slice) -> list[ImageEntry]: ...

    def __getitem__(self, index: int | slice) -> ImageEntry | list[ImageEntry]:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            return self._entries(start, max(start, stop))[::step]
        number = range(len(self))[index]
        return self._entries(number, number + 1)[0]

    def _entries(self, start: int, stop: int) -> list[ImageEntry]:
        return [ImageEntry(**row) for row in self.rows(start, stop).to_pylist()]


class _Arrival:
    """Rows as they come, looked at while they pass.

    Attributes:
        spool: All of them.
        is_rising: Whether each has a greater key than the one before it: they are in order, and none comes twice.
    """

    def __init__(self) -> None:
        self.spool = RowSpool(ROWS)
        self.is_rising = True
        self._last_key: bytes | None = None
        self._has_ids: bool | None = None
        self._bounds: tuple[str, str] | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Take some rows in.

        Raises:
            NotByColumn: If they have to be looked at one by one.
        """
        if not batch.num_rows:
            return
        rows = _plain_rows(batch)
        has_ids = rows["image_id"].null_count == 0
        if self._has_ids not in (None, has_ids):
            raise NotByColumn
        self._has_ids = has_ids
        if not has_ids:
            low, high = _bounds(rows["path"])
            self._bounds = (min(low, self._bounds[0]), max(high, self._bounds[1])) if self._bounds else (low, high)
        if self.is_rising:
            self._look_at_order(keys_of(rows))
        self.spool.add(rows)

    def _look_at_order(self, keys: pa.BinaryArray) -> None:
        first, last = keys[0].as_py(), keys[-1].as_py()
        follows = self._last_key is None or self._last_key < first
        self.is_rising = follows and bool(pc.all(pc.less(keys[:-1], keys[1:])).as_py() is not False)
        self._last_key = last

    @property
    def folder(self) -> str:
        """What all paths begin with that ids are made of."""
        return common_folder(*self._bounds) if self._bounds else ""


def keys_of(rows: pa.RecordBatch, with_suffix: bool = False) -> pa.BinaryArray:
    """The natural keys of rows' ids or else of their paths, without suffix unless told otherwise."""
    if rows["image_id"].null_count == 0:
        return natural_keys(rows["image_id"])
    path = rows["path"]
    # What all paths share is made into a key once; natsort is given the whole of other names than ASCII's.
    folder = common_folder(*_bounds(path)) if pc.all(pc.string_is_ascii(path)).as_py() else ""
    keys = natural_keys(below(path, folder) if with_suffix else bare_names(path, folder))
    return pc.binary_join_element_wise(natural_key(folder).encode(), keys, b"") if folder else keys


def _bounds(path: pa.StringArray) -> tuple[str, str]:
    found = pc.min_max(path).as_py()
    return found["min"], found["max"]


def _plain_rows(batch: pa.RecordBatch) -> pa.RecordBatch:
    """What a listing keeps of rows that all have an id or all have none."""
    ids = batch["image_id"]
    is_plain = batch["raw_path"].null_count == batch.num_rows and batch["size_bytes"].type == pa.int64()
    if not is_plain or ids.null_count not in (0, batch.num_rows) or pc.any(pc.equal(ids, "")).as_py():
        raise NotByColumn
    return pa.RecordBatch.from_arrays([batch[name] for name in ROWS.names], schema=ROWS)


def list_table(batches: Iterable[pa.RecordBatch], keeps_order: bool) -> TableListing:
    """Make entries of a table whose rows are all meant as images.

    Args:
        batches: Its rows; see `table_rows.FOUND`.
        keeps_order: Leave them in their order; they bring their ids.

    Raises:
        NotByColumn: If some rows have to be looked at one by one, or are to be refused.
    """
    arrival = _Arrival()
    for batch in one_ahead(batches):
        arrival.add(batch)
    arrival.spool.seal()
    if arrival.is_rising:
        return TableListing(arrival.spool, arrival.folder, with_suffix=False)
    if keeps_order:
        for piece in sorted_pieces(arrival.spool, lambda rows: rows["image_id"].cast(pa.binary())):
            if _any(_repeats(piece["image_id"])):
                raise NotByColumn
        return TableListing(arrival.spool, "", with_suffix=False)
    return _in_order(arrival, _refuse_repeated)


def list_inventory(
    batches: Iterable[pa.RecordBatch], finder: ImageFinder, replaced: Callable[[str], None]
) -> TableListing:
    """Make entries of the images in a table of all objects.

    Args:
        batches: Its rows, without ids; see `table_rows.FOUND`.
        finder: Judges what is not an image by its name alone.
        replaced: Told the path of each row that a later one of the same path replaces.

    Raises:
        NotByColumn: See `list_table`.
    """
    arrival = _Arrival()

    def others() -> Iterator[FoundFile]:
        """Rows that the finder has to judge; the images among the rest are kept."""
        for batch in one_ahead(batches):
            if batch["image_id"].null_count != batch.num_rows:
                raise NotByColumn
            path = batch["path"]
            is_image = pc.and_(pc.match_substring_regex(path, _IS_IMAGE), pc.is_null(batch["left_out"]))
            is_image = pc.and_not(is_image, pc.match_substring_regex(path, MAY_BE_HIDDEN))
            arrival.add(batch.filter(is_image))
            yield from found_files(batch.filter(pc.invert(is_image)))

    found = finder.images(others())
    while late := list(islice(found, _READ_AT_ONCE)):
        arrival.add(pa.RecordBatch.from_pylist([vars(file) for file in late], pa.schema(FOUND)))
    arrival.spool.seal()
    if arrival.is_rising:
        return TableListing(arrival.spool, arrival.folder, with_suffix=False)
    return _in_order(arrival, lambda piece: _without_replaced(piece, replaced))


def _in_order(arrival: _Arrival, settle: Callable[[pa.Table], pa.Table]) -> TableListing:
    """Sort the rows by ids without suffix, or if two of them are the same, with suffix.

    Args:
        arrival: The rows.
        settle: Looks after rows of a piece that come twice.
    """
    rows, has_twins = RowSpool(ROWS), False
    for piece in sorted_pieces(arrival.spool, keys_of):
        settled = settle(piece)
        has_twins = has_twins or _has_twins(settled)
        in_batches(settled.select(ROWS.names), rows)
    arrival.spool.close()
    rows.seal()
    if has_twins:
        by_name, rows = rows, RowSpool(ROWS)
        for piece in sorted_pieces(by_name, lambda some: keys_of(some, with_suffix=True)):
            in_batches(piece.select(ROWS.names), rows)
        by_name.close()
        rows.seal()
    return TableListing(rows, arrival.folder, has_twins)


def _refuse_repeated(piece: pa.Table) -> pa.Table:
    tied = _tied(piece)
    names = pc.coalesce(tied["image_id"], tied["path"])
    if pc.count_distinct(names).as_py() < len(names):
        raise NotByColumn  # which names one of them
    return piece


def _without_replaced(piece: pa.Table, replaced: Callable[[str], None]) -> pa.Table:
    """The last of the rows of each path."""
    is_earlier = pa.concat_arrays([_repeats(piece["path"]), pa.array([False])]) if piece.num_rows else pa.array([])
    if not _any(is_earlier):
        return piece
    for path in piece["path"].filter(is_earlier).to_pylist():
        replaced(path)
    return piece.filter(pc.invert(is_earlier))


def _has_twins(piece: pa.Table) -> bool:
    """Whether two rows without an id have the same path but for the suffix."""
    tied = _tied(piece)
    if not tied.num_rows or tied["image_id"].null_count == 0:
        return False
    return _any(_repeats(bare_names(tied["path"].combine_chunks())))


def _tied(piece: pa.Table) -> pa.Table:
    """The rows that share their key with a neighbour."""
    same = _repeats(piece[KEY])
    no = pa.array([False])
    return piece.filter(pc.or_(pa.concat_arrays([same, no]), pa.concat_arrays([no, same])))


def _repeats(values: pa.Array | pa.ChunkedArray) -> pa.BooleanArray:
    """Of each value but the last, whether the next one is the same."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    return pc.equal(whole[:-1], whole[1:])


def _any(values: pa.BooleanArray) -> bool:
    return bool(pc.any(values).as_py())
