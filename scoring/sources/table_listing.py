"""List a table column by column: the entries that `listing` makes of its rows one by one, many times as fast.

Rows that are in natural order already are not sorted. What takes a look at single rows is left to `listing`: names
that are not UTF-8, ids in some rows only, and an id or a path that stands twice and is refused.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from scoring.pixels.formats import IMAGE_SUFFIXES
from scoring.process.one_ahead import one_ahead
from scoring.sources.entries import EntriesByColumn, FoundFile
from scoring.sources.image_finder import ImageFinder
from scoring.sources.row_arrival import NotByColumn, RowArrival, keys_of
from scoring.sources.row_sorting import KEY, sorted_pieces
from scoring.sources.row_spool import RowSpool, in_batches
from scoring.sources.table_rows import FOUND, found_files
from scoring.sources.text_columns import any_step_begins, bare_names, below, shared_folder
from scoring.storage.walking import HIDDEN_BEGIN, MAY_BE_HIDDEN

__all__ = ["NotByColumn", "list_inventory", "list_table"]

_JUDGED_AT_ONCE = 4096
# Names that `judge_name` takes for images unless they are hidden; the few with letters beyond ASCII it judges itself.
_IS_IMAGE = "(?:" + "|".join("".join(f"[{c}{c.upper()}]" for c in suffix) for suffix in sorted(IMAGE_SUFFIXES)) + ")$"


def list_table(batches: Iterable[pa.RecordBatch], keeps_order: bool) -> EntriesByColumn:
    """Make entries of a table whose rows are all meant as images.

    Args:
        batches: Its rows; see `table_rows.FOUND`.
        keeps_order: Leave them in their order; they bring their ids.

    Raises:
        NotByColumn: If some rows have to be looked at one by one, or are to be refused.
    """
    arrival = RowArrival()
    for batch in one_ahead(batches):
        arrival.add(batch)
    arrival.spool.seal()
    if arrival.order.is_rising:
        return _listing(arrival.spool, arrival.order.folder)
    if keeps_order:
        for piece in sorted_pieces(arrival.spool, lambda rows: rows["image_id"].cast(pa.binary())):
            if _any(_repeats(piece["image_id"])):
                raise NotByColumn
        return _listing(arrival.spool, "")
    return _in_order(arrival, _refuse_repeated)


def list_inventory(
    batches: Iterable[pa.RecordBatch], finder: ImageFinder, replaced: Callable[[str], None]
) -> EntriesByColumn:
    """Make entries of the images in a table of all objects.

    Args:
        batches: Its rows, without ids; see `table_rows.FOUND`.
        finder: Judges what is not an image by its name alone.
        replaced: Called with the path of each row that a later one of the same path replaces.

    Raises:
        NotByColumn: See `list_table`.
    """
    arrival = RowArrival()

    def others() -> Iterator[FoundFile]:
        """Rows that the finder has to judge; the images among the rest are kept."""
        for images, rest in one_ahead(map(images_by_name, batches)):
            arrival.add(images)
            yield from found_files(rest)

    found = finder.images(others())
    while late := list(islice(found, _JUDGED_AT_ONCE)):
        arrival.add(pa.RecordBatch.from_pylist([vars(file) for file in late], pa.schema(FOUND)))
    arrival.spool.seal()
    if arrival.order.is_rising:
        return _listing(arrival.spool, arrival.order.folder)
    return _in_order(arrival, lambda piece: _without_replaced(piece, replaced))


def images_by_name(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The rows that are images by their names alone, and the rest."""
    if batch["image_id"].null_count != batch.num_rows:
        raise NotByColumn
    if batch["left_out"].null_count == batch.num_rows and _are_images(batch["path"]):
        return batch, batch[:0]
    path = batch["path"]
    is_image = pc.and_(pc.match_substring_regex(path, _IS_IMAGE), pc.is_null(batch["left_out"]))
    is_image = pc.and_not(is_image, pc.match_substring_regex(path, MAY_BE_HIDDEN))
    return batch.filter(is_image), batch.filter(pc.invert(is_image))


def _are_images(path: pa.StringArray) -> bool:
    """Whether all names are those of images, told without a pattern: one suffix, and no step that may be hidden."""
    if not len(path):
        return True
    suffix, folder = os.path.splitext(path[0].as_py())[1], shared_folder(path)
    if not (re.fullmatch(_IS_IMAGE, suffix) and pc.all(pc.ends_with(path, suffix)).as_py()):
        return False
    return not (re.search(MAY_BE_HIDDEN, folder) or any_step_begins(below(path, folder), HIDDEN_BEGIN))


def _listing(spool: RowSpool, folder: str, with_suffix: bool = False) -> EntriesByColumn:
    """The entries of rows in order.

    Args:
        spool: The rows.
        folder: What all paths of rows without an id begin with; their ids are what follows.
        with_suffix: Whether those ids keep the suffix.
    """

    def rows(start: int, stop: int) -> pa.Table:
        table = spool.rows(start, stop)
        if not table.num_rows or table["image_id"].null_count == 0:
            return table
        path = table["path"].combine_chunks()
        ids = below(path, folder) if with_suffix else bare_names(path, folder)
        return table.set_column(0, table.schema.field("image_id"), ids)

    return EntriesByColumn(spool.num_rows, rows)


def _in_order(arrival: RowArrival, settle: Callable[[pa.Table], pa.Table]) -> EntriesByColumn:
    """Sort the rows by ids without suffix, or if two of them are the same, with suffix.

    Args:
        arrival: The rows.
        settle: Refuses rows of a piece that come twice, or leaves all but the last out.
    """
    schema = arrival.spool.schema
    rows, has_twins = RowSpool(schema), False
    for piece in sorted_pieces(arrival.spool, keys_of):
        settled = settle(piece)
        has_twins = has_twins or _has_twins(settled)
        in_batches(settled.select(schema.names), rows)
    arrival.spool.close()
    rows.seal()
    if has_twins:
        by_name, rows = rows, RowSpool(schema)
        for piece in sorted_pieces(by_name, lambda some: keys_of(some, with_suffix=True)):
            in_batches(piece.select(schema.names), rows)
        by_name.close()
        rows.seal()
    return _listing(rows, arrival.order.folder, has_twins)


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
