"""Read images only as long as they are those that were listed."""

from scoring.errors import ImageError
from scoring.sources.entries import ImageEntry, ImageReader
from scoring.sources.inputs import holds_files, open_images
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.storage.locations import Location, file_below
from scoring.storage.reading import stamps_at
from scoring.storage.stamps import has_changed


def open_as_listed(location: Location, columns: TableColumns = NO_COLUMNS) -> ImageReader:
    """Return a reader that gives an image only if it is the one that was listed, as far as its size and stamp tell.

    All but a folder's reader compare stamps anyway; that one would cost a worker one more look at each file.

    Raises:
        ImagesError: As `open_images` does.
    """
    read, has_files = open_images(location, columns), holds_files(location, columns)

    def read_listed(image: ImageEntry) -> bytes:
        encoded = read(image)
        is_stamped_file = has_files and image.position is None and image.stamp is not None
        place = file_below(location, image.path, image.raw_path) if has_files else location
        try:
            if image.size_bytes not in (0, len(encoded)):
                raise has_changed(place)
            if is_stamped_file and image.stamp not in stamps_at(place):
                raise has_changed(place)
        except OSError as error:
            raise ImageError(f"cannot read: {error.strerror or error}") from error
        return encoded

    return read_listed
