"""Rows of a table on their way into a listing by column: what it keeps of them, and whether they come in order."""

import pyarrow as pa
import pyarrow.compute as pc

from scoring.sources.natural_order import natural_key
from scoring.sources.row_spool import RowSpool
from scoring.sources.text_columns import bare_names, below, common_folder, natural_keys

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


class NotByColumn(Exception):  # noqa: N818  # no error: it is listed row by row
    """A table has rows that are not listed column by column."""


class RowArrival:
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
        bounds = None if has_ids else _bounds(rows["path"])
        if bounds:
            low, high = self._bounds or bounds
            self._bounds = (min(low, bounds[0]), max(high, bounds[1]))
        if self.is_rising:
            self._look_at_order(*_parted_keys(rows, bounds))
        self.spool.add(rows)

    def _look_at_order(self, folder_key: bytes, keys: pa.BinaryArray) -> None:
        first, last = folder_key + keys[0].as_py(), folder_key + keys[-1].as_py()
        follows = self._last_key is None or self._last_key < first
        self.is_rising = follows and bool(pc.all(pc.less(keys[:-1], keys[1:])).as_py() is not False)
        self._last_key = last

    @property
    def folder(self) -> str:
        """What all paths begin with that ids are made of."""
        return common_folder(*self._bounds) if self._bounds else ""


def keys_of(rows: pa.RecordBatch, with_suffix: bool = False) -> pa.BinaryArray:
    """The natural keys of rows' ids or else of their paths, without suffix unless told otherwise."""
    bounds = None if rows["image_id"].null_count == 0 else _bounds(rows["path"])
    folder_key, keys = _parted_keys(rows, bounds, with_suffix)
    return pc.binary_join_element_wise(folder_key, keys, b"") if folder_key else keys


def _parted_keys(
    rows: pa.RecordBatch, bounds: tuple[str, str] | None, with_suffix: bool = False
) -> tuple[bytes, pa.BinaryArray]:
    """The same in two parts: what all of them begin with, and how each goes on.

    Args:
        rows: Some.
        bounds: The first and the last of their paths in plain order; None where they have ids.
        with_suffix: See `keys_of`.
    """
    if bounds is None:
        return b"", natural_keys(rows["image_id"])
    path = rows["path"]
    # What all paths share is made into a key once; natsort is given the whole of other names than ASCII's.
    folder = common_folder(*bounds) if pc.all(pc.string_is_ascii(path)).as_py() else ""
    return natural_key(folder).encode(), natural_keys(below(path, folder) if with_suffix else bare_names(path, folder))


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
