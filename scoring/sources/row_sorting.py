"""Sort any number of rows by their natural keys in bounded memory: sorted runs, cut into pieces at the same keys."""

from bisect import bisect_left
from collections.abc import Callable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from scoring.sources.row_spool import RowSpool, in_batches

_RUN_ROWS = 262_144  # that are sorted at once: about 100 MB
_LOOKED_UP = 4096  # rows of a run that are read at once; of each of them the first key is kept
KEY = "key"

Keys = Callable[[pa.RecordBatch], pa.BinaryArray]


def sorted_pieces(rows: RowSpool, keys: Keys) -> Iterator[pa.Table]:
    """The rows in order of their keys, of equal keys in order of `path`, of equal paths as they came.

    Args:
        rows: With a column `path`.
        keys: Returns the keys of some of them, one for each row.

    Yields:
        Pieces with the column `KEY` beside the others; all rows of one key are in one piece.
    """
    schema = rows.schema.append(pa.field(KEY, pa.binary()))
    runs = [_Run(run, schema) for run in _runs(rows, keys, schema)]
    try:
        firsts = sorted(key for run in runs for key in run.firsts)
        per_piece = max(1, _RUN_ROWS // _LOOKED_UP)
        bounds = [key for key in dict.fromkeys(firsts[per_piece::per_piece]) if key > firsts[0]]  # no piece is empty
        for low, high in zip([None, *bounds], [*bounds, None], strict=True):
            yield _in_order(pa.concat_tables([run.between(low, high) for run in runs]))
    finally:
        for run in runs:
            run.close()


def _runs(rows: RowSpool, keys: Keys, schema: pa.Schema) -> Iterator[pa.Table]:
    """Some rows at a time with their keys, in order."""
    parts: list[pa.RecordBatch] = []
    for batch in rows.batches():
        parts.append(pa.RecordBatch.from_arrays([*batch.columns, keys(batch)], schema=schema))
        if sum(part.num_rows for part in parts) >= _RUN_ROWS:
            yield _in_order(pa.Table.from_batches(parts))
            parts = []
    if parts:
        yield _in_order(pa.Table.from_batches(parts))


def _in_order(table: pa.Table) -> pa.Table:
    whole = table.combine_chunks()
    return whole.take(pc.sort_indices(whole, sort_keys=[(KEY, "ascending"), ("path", "ascending")]))


class _Run:
    """Rows in order, in a file.

    Attributes:
        firsts: The first key of each batch.
    """

    def __init__(self, table: pa.Table, schema: pa.Schema) -> None:
        self._spool = RowSpool(schema)
        in_batches(table, self._spool, _LOOKED_UP)
        self._spool.seal()
        keys = table[KEY]
        self.firsts: list[bytes] = [keys[row].as_py() for row in range(0, len(keys), _LOOKED_UP)]

    def between(self, low: bytes | None, high: bytes | None) -> pa.Table:
        """The rows of keys from `low` on to before `high`; None is no bound."""
        begin = 0 if low is None else max(0, bisect_left(self.firsts, low) - 1)
        end = len(self.firsts) if high is None else bisect_left(self.firsts, high)
        found = pa.Table.from_batches([self._spool.batch(number) for number in range(begin, end)], self._spool.schema)
        if low is not None:
            found = found.filter(pc.greater_equal(found[KEY], pa.scalar(low, pa.binary())))
        return found if high is None else found.filter(pc.less(found[KEY], pa.scalar(high, pa.binary())))

    def close(self) -> None:
        """Remove its file."""
        self._spool.close()
