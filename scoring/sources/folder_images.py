"""Images in a local folder, or below a prefix in a bucket: one file each, or in tar files."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial

from scoring.errors import ImageError, ImagesError
from scoring.sources.changed_images import Comparison
from scoring.sources.encoded_images import read_seen_image
from scoring.sources.entries import FoundFile, ImageEntry, ImageReader, readable_name
from scoring.sources.image_finder import Reason, judge_name
from scoring.sources.natural_order import natural_key
from scoring.sources.patterns import is_called_pattern
from scoring.sources.row_reader import refuse_absent_common
from scoring.sources.suffixes import is_tar, is_zip
from scoring.sources.tar_images import TarReader, list_tars, tar_in_folder
from scoring.storage.locations import Location, bucket_of, file_below
from scoring.storage.reach import refuse_absent_folder
from scoring.storage.reading import read_range
from scoring.storage.walking import Fault, walk
from scoring.storage.write_times import is_written_since, written_below

_MAY_HOLD_IMAGES = frozenset({Reason.UNCLEAR, Reason.ARCHIVE, Reason.TABLE})


class FolderSource:
    """A folder, searched recursively, or all objects below a prefix."""

    holds_only_images = False
    keeps_order = False

    def __init__(self, folder: Location) -> None:
        self._folder = folder

    def check(self) -> None:
        """See `ImageSource`."""
        if not self._folder.is_dir():
            raise ImagesError(
                "Expected `images` to be a folder, a prefix with objects below it, a zip, a tar or a Parquet table; "
                f"{self._folder} does not exist.{self._instead_of_pattern()}"
            )

    def _instead_of_pattern(self) -> str:
        """What to name, as a message's end; nothing where the name was no pattern."""
        name = self._folder.name
        if not is_called_pattern(name):
            return ""
        if is_zip(name):
            return " Several zips are not read together: name one of them, or unpack them into one folder."
        return f" Name the folder {self._folder.parent}, of which every image is taken."

    def files(self) -> Iterator[FoundFile]:
        """All files below, links followed."""
        for file in walk(self._folder):
            path, raw = readable_name(file.name)
            fault = self._why_no_image(path) if file.fault is Fault.SLASHED else file.fault
            yield FoundFile(path, file.size_bytes, raw, left_out=fault, stamp=file.stamp)

    def _why_no_image(self, path: str) -> str:
        """Why an object is left out whose key begins with a slash, by which none can be read.

        Raises:
            ImagesError: If it may be an image, or hold some.
        """
        reason = judge_name(path)
        if reason is None or reason in _MAY_HOLD_IMAGES:
            raise ImagesError(
                f"Expected keys without empty parts in {self._folder}; that of {path} begins with a slash and cannot "
                "be read. Name a prefix, or rename it."
            )
        return reason

    def members(self, tars: Iterable[FoundFile]) -> Iterator[FoundFile]:
        """The files in those tar files, which were found in this folder, one tar after the other in natural order."""
        ordered = sorted(tars, key=lambda tar: natural_key(tar.path))
        return list_tars(self._tar, [tar.raw_path or tar.path.encode() for tar in ordered])

    def refuse_repeated(self, path: str) -> None:
        """Refuse two objects that are listed alike; of a tar's members the later one is there once all is unpacked.

        Raises:
            ImagesError: If it is such a path.
        """
        if bucket_of(self._folder) and not any(map(is_tar, path.split("/")[:-1])):
            raise ImagesError(
                f"Expected each key once in {self._folder}; {path} is listed twice: another key has a slash more "
                "before or behind it, or objects were added meanwhile. Rename one of them, or run again."
            )

    def peek(self, file: FoundFile, length: int) -> bytes:
        """See `ImageSource`."""
        most = min(length, file.size_bytes) if bucket_of(self._folder) else length  # a disk may not have told the size
        return read_range(file_below(self._folder, file.path, file.raw_path), 0, most)

    def open(self, as_on_driver: bool = True) -> ImageReader:
        """See `ImageSource`; of photos that are surely not those that were listed it gives `ChangedBytes`.

        Args:
            as_on_driver: Whether paths mean the same files here as where they were listed.
        """
        read_member = TarReader(self._tar)
        comparison = Comparison(by_stamp=as_on_driver or bool(bucket_of(self._folder)))

        def read(image: ImageEntry) -> bytes:
            if image.position is not None:
                return read_member(image)
            place = file_below(self._folder, image.path, image.raw_path)
            try:
                encoded, seen = read_seen_image(place)
            except ImageError as error:
                refuse_absent_folder(self._folder, error.__cause__)
                raise
            return comparison.marked(encoded, image, seen, place)

        return read

    def changes_since(self, since: float) -> Callable[[ImageEntry], bool]:
        """See `ImageSource`."""
        is_file_written = written_below(self._folder, since)
        is_tar_written = cache(partial(is_written_since, since=since))

        def is_changed(image: ImageEntry) -> bool:
            if image.position is not None:
                return is_tar_written(self._tar(image.raw_path or image.path.encode()))
            return is_file_written(image.path, image.raw_path)

        return is_changed

    def refuse_absent(self, common: str) -> None:
        """Raise UnreachableError if this folder of all the images, by their paths, is gone, closed or empty."""
        refuse_absent_common(self._folder, common, is_listed=True)

    def _tar(self, path: bytes) -> Location:
        return tar_in_folder(self._folder, path if path.endswith(b"/") else path + b"/")
