"""Images in a zip as Kaggle ships it, local or in a bucket: read in place, member by member."""

import struct
import zipfile
import zlib
from collections.abc import Iterator

from scoring.errors import BucketError, ImageError, ImagesError
from scoring.sources import entries
from scoring.sources.entries import FoundFile, ImageEntry, ImageReader, check_size
from scoring.storage.locations import Location, readable
from scoring.storage.reading import read_range

# RuntimeError: encrypted; NotImplementedError: a compression that Python lacks.
_DAMAGE = (OSError, EOFError, KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, struct.error)
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What stands before each member: PKWARE's APPNOTE.TXT, section 4.3.7.
_HEADER, _SIGNATURE = struct.Struct("<4s22xHH"), b"PK\x03\x04"
_ENCRYPTED = 1  # the first of its flags, section 4.4.4
_LONGER_EXTRA = 128  # bytes that the extra field there may have more than in the directory, mostly times and owners


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
        return _ZipReader(self._archive)


class _ZipReader:
    """Reads each member with one request, and several at once: a ZipFile would let one thread read at a time."""

    def __init__(self, archive: Location) -> None:
        self._location = archive
        self._archive = zipfile.ZipFile(readable(archive))

    def __call__(self, image: ImageEntry) -> bytes:
        try:
            return self._read_member(self._archive.getinfo(image.path))
        except _DAMAGE as error:
            raise ImageError(f"cannot read from zip: {error}") from error

    def _read_member(self, info: zipfile.ZipInfo) -> bytes:
        check_size(info.compress_size)
        if info.flag_bits & _ENCRYPTED or info.compress_type not in _COMPRESSIONS:
            with self._archive.open(info) as file:  # BZIP2, LZMA: one at a time
                encoded = file.read(entries.MAX_IMAGE_BYTES + 1)
            check_size(len(encoded))
            return encoded
        encoded = _unpacked(self._read_packed(info), info.compress_type)
        check_size(len(encoded))
        if zlib.crc32(encoded) != info.CRC:
            raise zipfile.BadZipFile(f"Bad CRC-32 for {info.filename!r}")
        return encoded

    def _read_packed(self, info: zipfile.ZipInfo) -> bytes:
        """A member's bytes as they are stored, behind a header that need not be as long as the directory's entry."""
        likely = _HEADER.size + len(info.filename.encode()) + len(info.extra) + _LONGER_EXTRA + info.compress_size
        content = read_range(self._location, info.header_offset, likely)
        signature, name_bytes, extra_bytes = _HEADER.unpack_from(content)
        if signature != _SIGNATURE:
            raise zipfile.BadZipFile("no member begins where the directory says")
        start = _HEADER.size + name_bytes + extra_bytes
        if len(content) < start + info.compress_size:
            return read_range(self._location, info.header_offset + start, info.compress_size)
        return content[start : start + info.compress_size]


def _unpacked(packed: bytes, compression: int) -> bytes:
    if compression == zipfile.ZIP_STORED:
        return packed
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, entries.MAX_IMAGE_BYTES + 1)
