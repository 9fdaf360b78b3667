"""The kind of collection that lies at a place: a folder, a zip, tar files or a Parquet table."""

from scoring.errors import ImagesError, RequestError
from scoring.sources.entries import ImageSource
from scoring.sources.folder_images import FolderSource
from scoring.sources.packing import is_compressed, kind_of, way_to_read
from scoring.sources.suffixes import is_tar
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.sources.table_folder import is_pattern, is_table_folder
from scoring.sources.table_images import TableSource
from scoring.sources.tar_images import TarSource
from scoring.sources.zip_images import ZipSource
from scoring.storage.locations import Location, file_above

_EXPECTED = "Expected `images` to be a folder, a zip, a tar or a Parquet table"


def source_at(location: Location, columns: TableColumns) -> ImageSource:
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
