"""Rows of a table on their way into a listing by column: what it keeps of them, and whether they come in order."""

import pyarrow as pa
import pyarrow.compute as pc

from scoring.sources.natural_order import natural_key
from scoring.sources.row_spool import RowSpool
from scoring.sources.text_columns import bare_names, below, common_folder, is_rising, natural_keys, shared_folder

# In the manifest's order; all that a listing keeps of a row, but for `raw_path` where the first rows have one.
ROWS = pa.schema(
    [
        pa.field("image_id", pa.string()),
        pa.field("path", pa.string()),
        pa.field("size_bytes", pa.int64()),
        pa.field("position", pa.int64()),
        pa.field("stamp", pa.int64()),
    ]
)


_RAW_PATH = pa.field("raw_path", pa.binary())


class NotByColumn(Exception):  # noqa: N818  # no error: it is listed row by row
    """Raised where a table's rows have to be listed one by one, or it is no table."""


class RowOrder:
    """The order in which rows come, looked at while they pass.

    Attributes:
        is_rising: Whether each has a greater key than the one before it: they are in order, and none comes twice.
    """

    def __init__(self) -> None:
        self.is_rising = True
        self._last_key: bytes | None = None
        self._has_ids: bool | None = None
        self._folder: str | None = None

    def look_at(self, rows: pa.RecordBatch) -> None:
        """Look at some rows that all have an id or all have none.

        Raises:
            NotByColumn: If those before had ids and these have none, or the reverse.
        """
        has_ids = rows["image_id"].null_count == 0
        if self._has_ids not in (None, has_ids):
            raise NotByColumn
        self._has_ids = has_ids
        folder = None if has_ids else shared_folder(rows["path"])
        if folder is not None:
            self._folder = folder if self._folder is None else common_folder(self._folder, folder)
        if self.is_rising:
            self._compare(*_parted_names(rows, folder))

    def _compare(self, folder: str, names: pa.StringArray) -> None:
        first, last = (natural_key(folder).encode() + natural_keys(names[row:][:1])[0].as_py() for row in (0, -1))
        follows = self._last_key is None or self._last_key < first
        self.is_rising = follows and is_rising(names)
        self._last_key = last

    @property
    def folder(self) -> str:
        """The folder that all paths without an id share, with a slash at its end; empty if there is none."""
        return self._folder or ""


class RowArrival:
    """Rows as they come, kept on disk.

    Attributes:
        spool: All of them.
        order: How they came.
    """

    def __init__(self) -> None:
        self.spool = RowSpool(ROWS)
        self.order = RowOrder()

    def add(self, batch: pa.RecordBatch) -> None:
        """Take some rows in.

        Raises:
            NotByColumn: If they have to be looked at one by one.
        """
        if not batch.num_rows:
            return
        if not self.spool.num_rows and _has_texts(batch):
            self.spool.close()
            self.spool = RowSpool(ROWS.append(_RAW_PATH))
        rows = plain_rows(batch, self.spool.schema)
        self.order.look_at(rows)
        self.spool.add(rows)


def keys_of(rows: pa.RecordBatch, with_suffix: bool = False) -> pa.BinaryArray:
    """The natural keys of rows' ids or else of their paths, without suffix unless told otherwise."""
    folder = None if rows["image_id"].null_count == 0 else shared_folder(rows["path"])
    folder, names = _parted_names(rows, folder, with_suffix)
    keys = natural_keys(names)
    return pc.binary_join_element_wise(natural_key(folder).encode(), keys, b"") if folder else keys


def _parted_names(rows: pa.RecordBatch, folder: str | None, with_suffix: bool = False) -> tuple[str, pa.StringArray]:
    """What keys are made of, in two parts: what all of them begin with, and how each goes on.

    Args:
        rows: Some that all have an id, or all have none.
        folder: What all of their paths lie in; None where they have ids.
        with_suffix: See `keys_of`.
    """
    if folder is None:
        return "", rows["image_id"]
    path = rows["path"]
    # What all paths share is made into a key once; natsort is given the whole of other names than ASCII's.
    folder = folder if pc.all(pc.string_is_ascii(path)).as_py() else ""
    return folder, below(path, folder) if with_suffix else bare_names(path, folder)


def _has_texts(batch: pa.RecordBatch) -> bool:
    """Whether rows say their paths otherwise, and none lies in a part whose name is not UTF-8."""
    raw = batch["raw_path"]
    return raw.null_count < len(raw) and not pc.any(pc.and_(pc.is_valid(raw), pc.is_valid(batch["position"]))).as_py()


def plain_rows(batch: pa.RecordBatch, schema: pa.Schema = ROWS) -> pa.RecordBatch:
    """What a listing keeps of rows that all have an id or all have none.

    Raises:
        NotByColumn: If only some have one, or `schema` lacks what they say.
    """
    ids, raw = batch["image_id"], batch["raw_path"]
    is_plain = raw.null_count == len(raw) or (_RAW_PATH.name in schema.names and _has_texts(batch))
    if not is_plain or ids.null_count not in (0, batch.num_rows) or pc.any(pc.equal(ids, "")).as_py():
        raise NotByColumn
    return pa.RecordBatch.from_arrays([batch[name] for name in schema.names], schema=schema)
