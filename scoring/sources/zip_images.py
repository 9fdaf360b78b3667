"""Images in a zip as Kaggle ships it, local or in a bucket: read in place, in a zip within the zip too."""

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property

from scoring.errors import ImagesError
from scoring.sources.entries import FoundFile, ImageReader, ImageSource
from scoring.sources.image_finder import Account, ImageFinder, Reason, is_tar, is_zip, judge_name
from scoring.sources.tar_images import TarSource
from scoring.sources.zip_directory import ZipDirectory
from scoring.storage.reading import Place, path_or_file

_DEEPEST = 3


class ZipSource:
    """A zip of images, or one without images that holds one archive, as Kaggle sends a competition's data.

    Args:
        archive: The zip.
        depth: How many zips it lies in.
        origin: The outermost of these; None if there is none.
    """

    holds_only_images = False
    keeps_order = False

    def __init__(self, archive: Place, depth: int = 0, origin: Place | None = None) -> None:
        self._archive = archive
        self._depth = depth
        self._origin = origin or archive

    def check(self) -> None:
        """See `ImageSource`."""
        if not zipfile.is_zipfile(path_or_file(self._archive)):
            raise ImagesError(f"Expected `images` to be a zip; {self._archive} is not a zip.")

    def member(self, path: str) -> ImageSource:
        """The images in an archive within the zip.

        Raises:
            ImagesError: If the zip has no such archive.
        """
        archives = self._archives()
        if path not in archives:
            held = f"holds {', '.join(archives)}" if archives else "holds no archive"
            raise ImagesError(f"Expected a .zip or .tar called {path} in {self._archive}, which {held}.")
        if self._depth == _DEEPEST:  # there are zips that hold themselves
            raise ImagesError(f"Expected zips within zips at most {_DEEPEST} deep; {self._archive} holds {path}.")
        place = self._directory.place_of(path)
        if is_zip(path):
            return ZipSource(place, self._depth + 1, self._origin)
        return TarSource({path.encode(): place}, self._origin)

    def files(self) -> Iterator[FoundFile]:
        """The files in the zip; or of the only archive in it, and what lies beside that."""
        if self._only_member is None:
            yield from self._directory.files()
            return
        (archive,) = self._archives()
        for file in self._directory.files():
            if file.path != archive:
                reason = file.left_out or judge_name(file.path)
                yield replace(file, left_out=Reason.NOT_AN_IMAGE if reason is Reason.UNCLEAR else reason)
        yield from self._only_member.files()

    def peek(self, file: FoundFile, length: int) -> bytes:
        """See `ImageSource`."""
        if self._only_member is not None:
            return self._only_member.peek(file, length)
        return self._directory.peek(file.path, length)

    def open(self) -> ImageReader:
        """See `ImageSource`."""
        if self._only_member is not None:
            return self._only_member.open()
        return lambda image: self._directory.read(image.path)

    @cached_property
    def _directory(self) -> ZipDirectory:
        return ZipDirectory(self._archive)

    @cached_property
    def _only_member(self) -> ImageSource | None:
        """The only archive in a zip without images."""
        found = ImageFinder(lambda file, length: self._directory.peek(file.path, length), Account())
        if next(found.images(self._directory.files()), None) is not None:
            return None
        archives = self._archives()
        return self.member(archives[0]) if len(archives) == 1 else None

    def _archives(self) -> list[str]:
        found = (file.path for file in self._directory.files() if judge_name(file.path) is Reason.ARCHIVE)
        return [path for path in found if is_zip(path) or is_tar(path)]
