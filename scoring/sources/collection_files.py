"""The files that a collection is made of, as every machine has to see them."""

from scoring.sources.collection_kind import source_at
from scoring.sources.patterns import expand_range
from scoring.sources.table_columns import TableColumns
from scoring.sources.table_folder import is_pattern
from scoring.sources.table_images import TableSource
from scoring.sources.table_parts import TableParts
from scoring.storage.locations import Location, file_above, file_below


def collection_files(location: Location) -> list[Location]:
    """The files that a collection at `location` needs, the first and the last of many; none for a folder."""
    if location.is_dir():
        return []
    if above := file_above(location):
        return [above[0]]
    parts = TableParts(location) if is_pattern(location) else None
    files = [file_below(parts.folder, name) for name in parts.names] if parts else expand_range(location)
    return list(dict.fromkeys([*files[:1], *files[-1:]]))


def places_of_images(location: Location, columns: TableColumns, count: int) -> list[Location]:
    """Where some of the images that a table names lie; none for other collections, or for rows that name no place.

    Raises:
        ImagesError: If the table is damaged, or lacks a column.
        BucketError: If its bucket cannot be reached.
    """
    source = source_at(location, columns)
    return source.places(count) if isinstance(source, TableSource) else []
