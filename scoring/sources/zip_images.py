"""Images in a zip as Kaggle ships it, local or in a bucket: read in place, member by member."""

import bisect
import copy
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from scoring.errors import BucketError, ImageError, ImagesError
from scoring.sources.entries import FoundFile, ImageEntry, ImageReader, check_size, read_limited
from scoring.storage.locations import Location, Url, readable
from scoring.storage.retrying import patiently

# RuntimeError: encrypted; NotImplementedError: a compression that Python lacks.
_DAMAGE = (OSError, EOFError, KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


class ZipSource:
    """A zip, local or in a bucket."""

    def __init__(self, archive: Location) -> None:
        self._archive = archive

    def check(self) -> None:
        """See `ImageSource`."""
        if not self._archive.is_file():
            raise ImagesError(f"Expected --images to be a folder or a .zip; {self._archive} does not exist.")
        if not zipfile.is_zipfile(readable(self._archive)):
            raise ImagesError(
                f"Expected --images to be a folder or a .zip; {self._archive} is a file that is not a zip."
            )

    def files(self) -> Iterator[FoundFile]:
        """The files in the zip; of two with one name the later counts, as when it is unpacked."""
        try:
            with zipfile.ZipFile(readable(self._archive)) as opened:
                members = {info.filename: info for info in opened.infolist() if not info.is_dir()}
        except BucketError:
            raise
        except Exception as error:  # BadZipFile, but of hostile bytes NotImplementedError or struct.error as well
            raise ImagesError(f"Expected a readable zip; {self._archive} is damaged: {error}.") from error
        for name, info in members.items():
            yield FoundFile(name, info.file_size)

    def open(self) -> ImageReader:
        """See `ImageSource`."""
        return _RemoteZipReader(self._archive) if isinstance(self._archive, Url) else _ZipReader(self._archive)


class _ZipReader:
    def __init__(self, archive: Path) -> None:
        self._archive = zipfile.ZipFile(archive)

    def __call__(self, image: ImageEntry) -> bytes:
        try:
            return patiently()(self._read_member, image.path)
        except _DAMAGE as error:
            raise ImageError(f"cannot read from zip: {error}") from error

    def _read_member(self, path: str) -> bytes:
        with self._archive.open(path) as file:
            return read_limited(file)


class _RemoteZipReader:
    """Fetches each member with one request, and several at once: a ZipFile would let one thread read at a time."""

    def __init__(self, archive: Url) -> None:
        self._url = archive
        self._archive = zipfile.ZipFile(readable(archive))
        starts = [info.header_offset for info in self._archive.infolist()]
        self._bounds = sorted({*starts, self._archive.start_dir})

    def __call__(self, image: ImageEntry) -> bytes:
        try:
            return self._read_member(self._archive.getinfo(image.path))
        except _DAMAGE as error:
            raise ImageError(f"cannot read from zip: {error}") from error

    def _read_member(self, info: zipfile.ZipInfo) -> bytes:
        check_size(info.compress_size)
        following = bisect.bisect_right(self._bounds, info.header_offset)
        if following == len(self._bounds):
            raise zipfile.BadZipFile("a member lies behind the directory")
        span = self._bounds[following] - info.header_offset
        archive = copy.copy(self._archive)  # the same directory, another file
        archive.fp = _Window(self._url.read_range(info.header_offset, span), info.header_offset)
        with archive.open(info) as file:
            return read_limited(file)


class _Window(io.BytesIO):
    """The bytes of a file from `start` on, at the positions they have in the file."""

    def __init__(self, content: bytes, start: int) -> None:
        super().__init__(content)
        self._start = start

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return super().seek(offset - self._start if whence == io.SEEK_SET else offset, whence) + self._start

    def tell(self) -> int:
        return super().tell() + self._start
