"""Find images wherever they lie, and read their bytes there."""

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from scoring.errors import ImagesError, RequestError
from scoring.sources.entries import FoundFile, ImageEntry, ImageReader, ImageSource, LeftOut, Listing
from scoring.sources.folder_images import FolderSource
from scoring.sources.image_finder import Account, ImageFinder, Reason, judge_name
from scoring.sources.listing import list_entries
from scoring.sources.packing import is_compressed, kind_of, way_to_read
from scoring.sources.suffixes import is_tar
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.sources.table_images import TableSource
from scoring.sources.table_listing import NotByColumn, list_inventory, list_table
from scoring.sources.table_parts import TableParts, is_aside, is_part, is_pattern, is_table_folder
from scoring.sources.tar_images import TarSource, expand_range
from scoring.sources.zip_images import ZipSource
from scoring.storage.locations import Location, file_above, file_below, lies_in
from scoring.storage.read_deadline import reading_within

__all__ = [
    "ImageEntry",
    "ImageReader",
    "LeftOut",
    "Listing",
    "changes_since",
    "check_images",
    "check_output",
    "collection_files",
    "find_images",
    "has_column",
    "is_table",
    "open_images",
    "other_columns",
    "places_of_images",
    "refuse_absent_images",
]

_NAMED = 3  # paths of each kind in a message
_EXPECTED = "Expected `images` to be a folder, a zip, a tar or a Parquet table"


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
    _source(location, columns).check()


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
    if isinstance(_source(location, columns), TableSource) and not is_aside(below):
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
    source = _source(location, columns)
    source.check()
    try:
        images, account = _list_by_column(source)
    except NotByColumn:
        images, account = _list_by_row(source)
    if not images:
        raise _nothing_found(location, source, account.left_out())
    return Listing(images, account.left_out())


def _list_by_column(source: ImageSource) -> tuple[Sequence[ImageEntry], Account]:
    """The images of a table, and the account of what is left out; raises NotByColumn at all other collections."""
    if not isinstance(source, TableSource):
        raise NotByColumn
    account = _beside_table(source)
    if source.holds_only_images:
        return list_table(source.batches(), source.keeps_order), account
    finder = ImageFinder(source.peek, account)
    return list_inventory(source.batches(), finder, partial(account.leave_out, Reason.REPLACED)), account


def _list_by_row(source: ImageSource) -> tuple[Sequence[ImageEntry], Account]:
    account = _beside_table(source) if isinstance(source, TableSource) else Account()
    if source.holds_only_images:
        return list_entries(source.files(), source.keeps_order), account
    found = _found(source, account)

    def replaced(path: str) -> None:
        if isinstance(source, FolderSource):
            source.refuse_repeated(path)
        account.leave_out(Reason.REPLACED, path)

    return list_entries(found, replaced=replaced), account


def _beside_table(source: TableSource) -> Account:
    """What lies beside the parts of a table in its folder; images there do not count where its rows may name them."""
    account, folder = Account(), FolderSource(source.table)
    if source.table.is_dir():
        others = (file for file in folder.files() if not is_part(file.path))
        account.count_absent(source.part_names)
    else:
        others = (FoundFile(name, 0) for name in source.hidden_parts)
    for link in source.linked_parts:
        account.leave_out(Reason.LINK, link)
    for image in ImageFinder(folder.peek, account).images(others):
        if source.keeps_order:
            account.leave_out(Reason.BESIDE, image.path)
    return account


def has_column(location: Location, columns: TableColumns, name: str) -> bool:
    """Whether a collection is a table that has a column of this name besides those that are named already.

    Raises:
        ImagesError: If its first file is no table.
        BucketError: If its bucket cannot be reached.
    """
    source = _source(location, columns)
    return isinstance(source, TableSource) and source.has_column(name)


def other_columns(location: Location, columns: TableColumns) -> Sequence[str]:
    """The columns of a table besides those that are named already; none of another collection.

    Raises:
        ImagesError: If its first file is no table.
        BucketError: If its bucket cannot be reached.
    """
    source = _source(location, columns)
    return list(source.other_columns()) if isinstance(source, TableSource) else []


def open_images(
    location: Location,
    columns: TableColumns = NO_COLUMNS,
    read_timeout_s: float | None = None,
    as_on_driver: bool = True,
) -> ImageReader:
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
    source = _source(location, columns)
    read = source.open(as_on_driver) if isinstance(source, FolderSource) else source.open()

    def read_in_time(image: ImageEntry) -> bytes:
        with reading_within(read_timeout_s):
            return read(image)

    return read_in_time


def changes_since(location: Location, columns: TableColumns, since: float) -> Callable[[ImageEntry], bool]:
    """Tells of the images that `find_images` listed; see `ImageSource.changes_since`."""
    return _source(location, columns).changes_since(since)


def is_table(location: Location) -> bool:
    """Whether a collection is a Parquet table, of one file or of several.

    Raises:
        ImagesError: If its first file is no collection.
        BucketError: If its bucket cannot be reached.
    """
    return isinstance(_source(location, NO_COLUMNS), TableSource)


def places_of_images(location: Location, columns: TableColumns, count: int) -> list[Location]:
    """Where some of the images that a table names lie; none for other collections, or for rows that name no place.

    Raises:
        ImagesError: If the table is damaged, or lacks a column.
        BucketError: If its bucket cannot be reached.
    """
    source = _source(location, columns)
    return source.places(count) if isinstance(source, TableSource) else []


def refuse_absent_images(location: Location, columns: TableColumns, common: str) -> None:
    """Raise UnreachableError if images are files of their own, and the folder that all lie in is gone or empty.

    Args:
        location: The collection; see `check_images`.
        columns: Which columns of a table say what.
        common: The folder that all their paths begin with.
    """
    source = _source(location, columns)
    if isinstance(source, FolderSource | TableSource):
        source.refuse_absent(common)


def collection_files(location: Location) -> list[Location]:
    """The files that a collection at `location` needs, the first and the last of many; none for a folder."""
    if location.is_dir():
        return []
    if above := file_above(location):
        return [above[0]]
    parts = TableParts(location) if is_pattern(location) else None
    files = [file_below(parts.folder, name) for name in parts.names] if parts else expand_range(location)
    return list(dict.fromkeys([*files[:1], *files[-1:]]))


def _source(location: Location, columns: TableColumns) -> ImageSource:
    """The kind of collection that is there, by its name and its content; looks at no image."""
    if location.is_dir():
        is_table = columns != NO_COLUMNS or is_table_folder(location)
        return TableSource(location, columns) if is_table else FolderSource(location)
    kind = kind_of(location) if location.is_file() else None
    if location.suffix == ".parquet" or is_pattern(location) or kind == "Parquet":
        return TableSource(location, columns)
    if columns != NO_COLUMNS:
        raise RequestError(f"Expected a .parquet table for {columns.fields}; received {location}.")
    if kind == "zip":
        return ZipSource(location)
    archive, member = file_above(location) or (None, "")
    is_named_tar = kind is None and is_tar(location.name) and not member
    if kind == "tar" or is_named_tar or is_compressed(kind):
        return TarSource.at(location)
    if archive is None:
        return FolderSource(location)  # which says that it does not exist
    if not member:
        what = f"is a file of kind {kind}" if kind else "is not a zip, a tar or a table"
        raise ImagesError(f"{_EXPECTED}; {location} {what}.{way_to_read(location, kind)}")
    if kind_of(archive) != "zip":
        raise ImagesError(f"{_EXPECTED}, or a zip or tar within a zip; {archive} is a file that is not a zip.")
    return ZipSource(archive).member(member)


def _found(source: ImageSource, account: Account) -> Iterator[FoundFile]:
    """The images among a source's files; if a folder has none, those in its tar files."""
    finder, tars, is_empty = ImageFinder(source.peek, account), list[FoundFile](), True
    follows_tars = isinstance(source, FolderSource)

    def others() -> Iterator[FoundFile]:
        for file in source.files():
            if follows_tars and is_tar(file.path) and judge_name(file.path) is Reason.ARCHIVE and not file.left_out:
                tars.append(file)
            else:
                yield file

    for image in finder.images(others()):
        is_empty = False
        yield image
    if is_empty and isinstance(source, FolderSource):
        account.count_absent(tar.path for tar in tars)
        yield from finder.images(source.members(tars))
    else:
        for tar in tars:
            account.leave_out(Reason.ARCHIVE, tar.path)


def _nothing_found(location: Location, source: ImageSource, left_out: tuple[LeftOut, ...]) -> ImagesError:
    """What to raise for a collection without images; its text says what there is instead."""
    archives = [path for reason in left_out if reason.reason == Reason.ARCHIVE for path in reason.first]
    parts = [f"{part.reason}: {part.count:,} ({', '.join(part.first[:_NAMED])})" for part in left_out]
    num_files = sum(part.count for part in left_out)
    files = "1 file" if num_files == 1 else f"{num_files:,} files"
    held = f": {'; '.join(parts)}" if parts else ""
    return ImagesError(
        f"Expected at least one image in {location}; found none among {files}{held}."
        f"{_advice(location, source, archives)}"
    )


def _advice(location: Location, source: ImageSource, archives: Sequence[str]) -> str:
    """How to name the first of the archives that can be named; an archive within a tar is read by no name."""
    for archive in archives:
        if isinstance(source, ZipSource):
            way = source.way_to(location, archive)
        else:
            way = location / archive if location.is_dir() and file_below(location, archive).is_file() else None
        if way:
            return f" Name an archive, as {way}."
    in_tar = (any(is_tar(step) for step in archive.split("/")[:-1]) for archive in archives)
    if archives and (isinstance(source, TarSource) or any(in_tar)):
        return " Archives within a tar are not read: unpack the tar."
    return ""
