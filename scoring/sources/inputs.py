"""Find images wherever they lie, and read their bytes there."""

from collections.abc import Iterator

from scoring.errors import ImagesError, RequestError
from scoring.sources.entries import (
    IMAGE_SUFFIXES,
    NO_COLUMNS,
    FoundFile,
    ImageEntry,
    ImageReader,
    ImageSource,
    Listing,
    TableColumns,
    is_image,
)
from scoring.sources.folder_images import FolderSource
from scoring.sources.listing import list_entries
from scoring.sources.natural_order import natural_key
from scoring.sources.table_images import TableSource
from scoring.sources.tar_images import TarSource, tar_members
from scoring.sources.zip_images import ZipSource
from scoring.storage.locations import Location

__all__ = ["ImageEntry", "ImageReader", "Listing", "check_images", "find_images", "open_images"]


def check_images(location: Location, columns: TableColumns = NO_COLUMNS) -> None:
    """Raise ImagesError unless there is a collection at `location`; looks at no image.

    Args:
        location: A folder or a prefix in a bucket, of images or of tar files; a zip, tar files or a Parquet table.
        columns: Which columns of a table hold what.
    """
    _source(location, columns).check()


def find_images(location: Location, columns: TableColumns = NO_COLUMNS) -> Listing:
    """List the images of a collection; see `check_images` for the arguments.

    Raises:
        ImagesError: If there is none at `location`, or it holds no image.
    """
    source = _source(location, columns)
    source.check()
    if isinstance(source, TableSource):  # every row is an image
        images, num_files = list_entries(source.files(), keeps_order=source.holds_images), 0
    else:
        files = _CountedFiles(source, location)
        images = list_entries(files, keeps_order=False)
        num_files = files.num_files
    if not images:
        suffixes = " ".join(sorted(IMAGE_SUFFIXES))
        raise ImagesError(
            f"Expected at least one image in {location}; found none among {num_files} files. Looked for: {suffixes}."
        )
    return Listing(images, num_left_out=max(0, num_files - len(images)))


def open_images(location: Location, columns: TableColumns = NO_COLUMNS) -> ImageReader:
    """Return a reader for the images that `find_images` listed at `location`."""
    return _source(location, columns).open()


def _source(location: Location, columns: TableColumns) -> ImageSource:
    is_folder = location.is_dir()
    if location.suffix == ".parquet" and not is_folder:
        return TableSource(location, columns)
    if columns != NO_COLUMNS:
        raise RequestError(f"Expected a .parquet table for --path-column and the like; received {location}.")
    if location.suffix == ".tar" and not is_folder:
        return TarSource(location)
    is_zip = not is_folder and (location.suffix == ".zip" or location.is_file())
    return ZipSource(location) if is_zip else FolderSource(location)


class _CountedFiles:
    """The images among a source's files, or if there are none the images in its tar files; and how many files."""

    def __init__(self, source: ImageSource, location: Location) -> None:
        self._source = source
        self._location = location
        self.num_files = 0

    def __iter__(self) -> Iterator[FoundFile]:
        tars, found = [], False
        for file in self._count(self._source.files()):
            if is_image(file.path):
                found = True
                yield file
            elif not found and file.position is None and file.path.endswith(".tar"):
                tars.append(file.path)
        if not found and tars:
            self.num_files -= len(tars)
            members = tar_members(self._location, sorted(tars, key=natural_key))
            yield from (member for member in self._count(members) if is_image(member.path))

    def _count(self, files: Iterator[FoundFile]) -> Iterator[FoundFile]:
        for file in files:
            self.num_files += 1
            yield file
