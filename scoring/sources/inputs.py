"""Find images wherever they lie, and read their bytes there."""

import os
from collections.abc import Callable, Sequence

from scoring.errors import RequestError
from scoring.sources.collection_kind import source_at
from scoring.sources.collection_listing import list_images
from scoring.sources.empty_collection import nothing_found
from scoring.sources.entries import ImageEntry, Listing
from scoring.sources.folder_images import FolderSource
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.sources.table_folder import is_aside
from scoring.sources.table_images import TableSource
from scoring.sources.timed_reader import TimedReader
from scoring.storage.locations import Location, bucket_of, lies_in


def check_images(location: Location, columns: TableColumns = NO_COLUMNS) -> None:
    """Check that there is a collection at `location`; looks at no image.

    Args:
        location: A folder or a prefix in a bucket, of images, of tar files or of the parts of a table; a zip; a zip,
            tar or folder within a zip (`bundle.zip/train.zip`, `bundle.zip/train`); tar files (`x-{000..012}.tar`);
            or a Parquet table.
        columns: Which columns of a table say what.

    Raises:
        ImagesError: If there is none, or the table lacks such a column.
        RequestError: If columns are named for what is no table, or both a column of paths and one of bytes.
        BucketError: If its bucket cannot be reached.
    """
    source_at(location, columns).check()


def check_output(location: Location, columns: TableColumns, output: Location) -> None:
    """Refuse a run folder among the parts of a table, whose manifest and shards would be taken for parts.

    Args:
        location: The collection.
        columns: Which columns of a table say what.
        output: The run folder.

    Raises:
        RequestError: If it is one.
        BucketError: If the collection's bucket cannot be reached.
    """
    if not (lies_in(output, location) and location.is_dir()):
        return
    below = os.path.relpath(str(output.absolute()), str(location.absolute()))
    if isinstance(source_at(location, columns), TableSource) and not is_aside(below):
        raise RequestError(
            f"Expected `output` outside of {location}, a table whose parts are all Parquet files there; received "
            f"{output}. Choose another folder."
        )


def find_images(location: Location, columns: TableColumns = NO_COLUMNS) -> Listing:
    """List the images of a collection; see `check_images` for the arguments.

    Raises:
        ImagesError: If there is none at `location`, it is damaged, or it holds no image.
        StorageError: If there is no room to sort the list or to unpack an archive, or the bucket cannot be reached.
    """
    source = source_at(location, columns)
    source.check()
    images, account = list_images(source)
    if not images:
        raise nothing_found(location, source, account.left_out())
    return Listing(images, account.left_out())


def has_column(location: Location, columns: TableColumns, name: str) -> bool:
    """Whether a collection is a table that has a column of this name besides those that are named already.

    Raises:
        ImagesError: If its first file is no table.
        BucketError: If its bucket cannot be reached.
    """
    source = source_at(location, columns)
    return isinstance(source, TableSource) and source.has_column(name)


def other_columns(location: Location, columns: TableColumns) -> Sequence[str]:
    """The columns of a table besides those that are named already; none of another collection.

    Raises:
        ImagesError: If its first file is no table.
        BucketError: If its bucket cannot be reached.
    """
    source = source_at(location, columns)
    return list(source.other_columns()) if isinstance(source, TableSource) else []


def open_images(
    location: Location,
    columns: TableColumns = NO_COLUMNS,
    read_timeout_s: float | None = None,
    as_on_driver: bool = True,
) -> TimedReader:
    """Return a reader for the images that `find_images` listed at `location`.

    Args:
        location: Where they are.
        columns: Which columns of a table say what.
        read_timeout_s: Seconds that reading one may take; None for any time. To unpack an archive that they lie in
            may take longer.
        as_on_driver: Whether paths mean the same files here as where `find_images` ran.

    Raises:
        ImagesError: If it is a file of another kind now, or cannot be read.
    """
    source = source_at(location, columns)
    read = source.open(as_on_driver) if isinstance(source, FolderSource) else source.open()
    return TimedReader(read, read_timeout_s, is_local=not bucket_of(location))


def changes_since(location: Location, columns: TableColumns, since: float) -> Callable[[ImageEntry], bool]:
    """Tells of the images that `find_images` listed; see `ImageSource.changes_since`."""
    return source_at(location, columns).changes_since(since)


def is_table(location: Location) -> bool:
    """Whether a collection is a Parquet table, of one file or of several.

    Raises:
        ImagesError: If its first file is no collection.
        BucketError: If its bucket cannot be reached.
    """
    return isinstance(source_at(location, NO_COLUMNS), TableSource)


def refuse_absent_images(location: Location, columns: TableColumns, common: str) -> None:
    """Raise UnreachableError if images are files of their own, and the folder that all lie in is gone or empty.

    Args:
        location: The collection; see `check_images`.
        columns: Which columns of a table say what.
        common: The folder that all their paths begin with.
    """
    source = source_at(location, columns)
    if isinstance(source, FolderSource | TableSource):
        source.refuse_absent(common)
