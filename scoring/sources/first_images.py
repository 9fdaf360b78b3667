"""The images of a long table before it is listed to its end, as far as they come in the manifest's order."""

from collections.abc import Iterator

import pyarrow as pa

from scoring.sources.collection_kind import source_at
from scoring.sources.entries import ImageEntry
from scoring.sources.row_arrival import NotByColumn, RowOrder, plain_rows
from scoring.sources.table_columns import TableColumns
from scoring.sources.table_images import TableSource
from scoring.sources.table_listing import images_by_name
from scoring.storage.locations import Location

_MADE_AT_ONCE = 1024


class FirstImages:
    """A table's first rows; another collection has none.

    They are what the listing makes of them unless a later row says otherwise: of the ids, which go by all paths, and
    where a row further on is none of an image.

    Args:
        location: The collection.
        columns: Which columns of a table say what.

    Raises:
        ImagesError: At construction, and whenever rows are read, if a part of the table is damaged.
        BucketError: Then, if its bucket cannot be reached.
    """

    def __init__(self, location: Location, columns: TableColumns) -> None:
        source = source_at(location, columns)
        self._source = source if isinstance(source, TableSource) else None

    @property
    def num_rows(self) -> int:
        """The table's rows, by the ends of its files."""
        return self._source.num_rows if self._source else 0

    def __iter__(self) -> Iterator[ImageEntry]:
        """The images, with what ids the rows bring; ends at the first row that has to be looked at with others."""
        try:
            for rows in self._rows():
                for start in range(0, rows.num_rows, _MADE_AT_ONCE):
                    yield from map(_entry, rows[start : start + _MADE_AT_ONCE].to_pylist())
        except NotByColumn:
            return

    def _rows(self) -> Iterator[pa.RecordBatch]:
        source, order = self._source, RowOrder()
        if source is None:
            return
        for batch in source.batches():
            if not source.holds_only_images and images_by_name(batch)[1].num_rows:
                return
            rows = plain_rows(batch)
            order.look_at(rows)
            if not (order.is_rising or source.keeps_order):
                return
            yield rows


def _entry(row: dict[str, str | int | None]) -> ImageEntry:
    return ImageEntry(**row | {"image_id": row["image_id"] or ""})  # type: ignore[arg-type]  # columns of `ROWS`
