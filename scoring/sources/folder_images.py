"""Images in a local folder, or below a prefix in a bucket: one file each."""

from collections.abc import Iterator

from scoring.errors import ImagesError
from scoring.sources.entries import FoundFile, ImageEntry, ImageReader, read_image, readable_name
from scoring.sources.tar_images import read_member
from scoring.storage.locations import Location, file_below
from scoring.storage.walking import walk


class FolderSource:
    """A folder, searched recursively, or all objects below a prefix."""

    def __init__(self, folder: Location) -> None:
        self._folder = folder

    def check(self) -> None:
        """See `ImageSource`."""
        if not self._folder.is_dir():
            raise ImagesError(
                "Expected `images` to be a folder, a prefix with objects below it, a .zip, a .tar or a .parquet file; "
                f"{self._folder} does not exist."
            )

    def files(self) -> Iterator[FoundFile]:
        """All files below, links followed."""
        for name, size_bytes in walk(self._folder):
            path, raw = readable_name(name)
            yield FoundFile(path, size_bytes, raw)

    def open(self) -> ImageReader:
        """See `ImageSource`."""
        return self._read

    def _read(self, image: ImageEntry) -> bytes:
        if image.position is not None:
            return read_member(self._folder, image)
        return read_image(file_below(self._folder, image.path, image.raw_path))
