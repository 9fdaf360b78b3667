"""Read images only as long as they are those that were listed."""

from scoring.errors import ImageError
from scoring.sources.changed_images import ChangedBytes
from scoring.sources.entries import ImageEntry, ImageReader
from scoring.sources.inputs import open_images
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.storage.locations import Location
from scoring.storage.stamps import has_changed


def open_as_listed(location: Location, columns: TableColumns = NO_COLUMNS) -> ImageReader:
    """Return a reader that gives an image only if it is the one that was listed, as far as its size and stamp tell.

    Raises:
        ImagesError: As `open_images` does.
    """
    read = open_images(location, columns)

    def read_listed(image: ImageEntry) -> bytes:
        encoded = read(image)
        if isinstance(encoded, ChangedBytes) or image.size_bytes not in (0, len(encoded)):
            error = has_changed(location)
            raise ImageError(f"cannot read: {error.strerror}") from error
        return encoded

    return read_listed
