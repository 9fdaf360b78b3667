"""What a zip holds, by its directory: paths as people write them, links, and where each member can be read."""

import shutil
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from scoring.errors import BucketError, ChangedError, ImageError, ImagesError, StorageError
from scoring.sources import encoded_images
from scoring.sources.encoded_images import check_size
from scoring.sources.entries import FoundFile
from scoring.sources.image_finder import Reason
from scoring.sources.links import folders_above, link_ends, member_name
from scoring.sources.zip_content import COMPRESSIONS, content_start, read_content
from scoring.sources.zip_end import refuse_unwhole
from scoring.sources.zip_names import member_paths, plain_path
from scoring.storage.downloads import made_once
from scoring.storage.reach import refuse_absent
from scoring.storage.read_deadline import within_limit
from scoring.storage.reading import Place, identity, open_zip, stamp_at
from scoring.storage.sections import Section
from scoring.storage.stamps import has_changed, stamp_of
from scoring.storage.walking import Fault

_NO_PASSWORD = "it is encrypted, and passwords are not taken: unpack it first"
# RuntimeError: `peek` at an encrypted member; NotImplementedError: a compression that Python lacks.
_DAMAGE = (OSError, EOFError, KeyError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, struct.error)
_ENCRYPTED = 1  # the first of a member's flags, section 4.4.4
_UNIX = 3
_METHODS = {1: "shrink", 6: "implode", 9: "deflate64", 93: "zstd", 95: "xz", 98: "PPMd"}  # section 4.4.5
_COPIED_AT_ONCE = 1024**2


class ZipDirectory:
    """An open zip; its members are read by range, several at once: a ZipFile would let one thread read at a time.

    Raises:
        ImagesError: At construction, if it is damaged, or not whole; see `refuse_unwhole`.
        BucketError: Then, if its bucket cannot be reached.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        try:
            self._stamp = stamp_at(place)
            self._opened = open_zip(place)
        except (BucketError, ChangedError):
            raise
        except Exception as error:  # BadZipFile, but of hostile bytes NotImplementedError or struct.error as well
            refuse_absent(place, error)
            raise ImagesError(f"Expected a readable zip; {place} is damaged: {error}.") from error
        refuse_unwhole(self._opened, place)
        self._paths = member_paths(self._opened.infolist())
        self._renamed: dict[str, zipfile.ZipInfo] = {}
        for path, info in self._members():
            if path != info.filename or path in self._renamed:
                self._renamed[path] = info
        self._linked: dict[str, zipfile.ZipInfo] = {}
        self.linked_folders: dict[str, str] = {}
        self._broken = dict(self._resolve_links())

    def files(self) -> Iterator[FoundFile]:
        """The files in the zip; of two with one name the later counts, as when a zip is unpacked."""
        for path, info in self._members():
            if self._last(path) is not info:
                yield FoundFile(path, info.file_size, left_out=Reason.REPLACED)
            elif fault := self._broken.get(path):
                yield FoundFile(f"{path}/" if fault is Fault.SEARCHED else path, 0, left_out=fault)
            else:
                content = self._find(path)
                yield FoundFile(path, content.file_size, stamp=_stamp(content))

    def read(self, path: str, stamp: int | None = None) -> bytes:
        """Read one image.

        Args:
            path: Its path.
            stamp: What told its content when it was listed, perhaps in another zip that lay here; None takes any, and
                the path as people type it.

        Raises:
            ImageError: If it cannot be read, or is larger than an image may be.
            ChangedError: If it, or the zip, has changed.
            UnreachableError: If the zip is gone.
        """
        try:
            info = self._find_as_typed(path) if stamp is None else self._find(path)
            if stamp not in (None, _stamp(info)):
                raise has_changed(self._place)
            return self._read(info)
        except _DAMAGE as error:
            refuse_absent(self._place, error)
            is_gone = stamp is not None and isinstance(error, KeyError)  # it was listed
            if is_gone or stamp_at(self._place) != self._stamp:  # written over; a former file would still be open
                raise has_changed(self._place) from error
            raise ImageError(f"cannot read from zip: {error}") from error

    def holds(self, path: str) -> bool:
        """Whether there is a file of exactly this path; unlike `files`, it looks at no other."""
        try:
            return bool(self._find(path))
        except KeyError:
            return False

    def peek(self, path: str, length: int) -> bytes:
        """The first bytes of a member.

        Raises:
            OSError: If it cannot be read.
        """
        try:
            with self._opened.open(self._find(path)) as file:
                return file.read(length)
        except OSError:
            raise
        except _DAMAGE as error:
            raise OSError(f"cannot read from zip: {error}") from error

    def place_of(self, path: str) -> Place:
        """Where a member can be read in ranges: in the zip if it is stored there, else in this machine's cache.

        Raises:
            ImagesError: If it is damaged or encrypted.
            StorageError: If it cannot be unpacked.
        """
        info = self._find(path)
        if info.flag_bits & _ENCRYPTED:
            raise ImagesError(f"Expected a readable {path} in {self._place}; {_NO_PASSWORD}.")
        try:
            if info.compress_type == zipfile.ZIP_STORED:
                return Section(self._place, path, content_start(self._place, info), info.file_size)
            whole = identity(self._place)
            content = whole and (*whole, path, info.CRC, info.file_size)
            return made_once(content, PurePosixPath(path).name, partial(self._unpack, info))
        except (BucketError, StorageError):
            raise
        except _DAMAGE as error:
            raise ImagesError(f"Expected a readable {path} in {self._place}; it is damaged: {error}.") from error

    def _members(self) -> Iterator[tuple[str, zipfile.ZipInfo]]:
        """All that is no folder, by its path."""
        members = zip(self._paths, self._opened.infolist(), strict=True)
        return ((path, info) for path, info in members if not path.endswith("/"))

    def _find(self, path: str) -> zipfile.ZipInfo:
        return self._linked.get(path) or self._last(path)

    def _find_as_typed(self, path: str) -> zipfile.ZipInfo:
        """The same by a path that the zip may spell with a Mac's accents, or with `./` before it."""
        try:
            return self._find(path)
        except KeyError:
            same = (held for held, _ in self._members() if plain_path(held) == plain_path(path))
            return self._find(next(same, path))

    def _last(self, path: str) -> zipfile.ZipInfo:
        """The last member that was given a path: a file, or a link that is not followed."""
        return self._renamed.get(path) or self._opened.getinfo(path)

    def _resolve_links(self) -> Iterator[tuple[str, Fault]]:
        """Let each symbolic link name the member that it ends at; the paths of those that end at none, and why."""
        links = {path: info for path, info in self._members() if _is_link(info) and self._last(path) is info}
        members = {member_name(path): info for path, info in self._members() if not _is_link(info)} if links else {}
        ends = link_ends({member_name(path): self._target(info) for path, info in links.items()}, members)
        folders = {folder for name in members for folder in folders_above(name)}
        for path in links:
            end = ends[member_name(path)]
            if info := members.get(end):
                self._linked[path] = info
            elif end in folders:
                self.linked_folders[path] = end
                yield path, Fault.SEARCHED
            else:
                yield path, Fault.NO_TARGET

    def _target(self, link: zipfile.ZipInfo) -> str:
        try:
            return self._read(link).decode(errors="surrogateescape")
        except (*_DAMAGE, ImageError):
            return ""

    def _read(self, info: zipfile.ZipInfo) -> bytes:
        check_size(info.compress_size)
        if info.flag_bits & _ENCRYPTED:
            raise ImageError(_NO_PASSWORD)
        if info.compress_type in COMPRESSIONS:
            encoded = read_content(self._place, info)
        else:
            encoded = within_limit(self._read_unpacked, info)  # BZIP2, LZMA: one at a time
        check_size(len(encoded))
        return encoded

    def _read_unpacked(self, info: zipfile.ZipInfo) -> bytes:
        try:
            with self._opened.open(info) as file:
                return file.read(encoded_images.MAX_IMAGE_BYTES + 1)
        except NotImplementedError as error:
            method = _METHODS.get(info.compress_type, f"method {info.compress_type}")
            raise ImageError(f"its compression, {method}, is not read: pack it anew with deflate") from error

    def _unpack(self, info: zipfile.ZipInfo, path: Path) -> None:
        with self._opened.open(info) as packed, path.open("wb") as file:
            shutil.copyfileobj(packed, file, _COPIED_AT_ONCE)


def _stamp(info: zipfile.ZipInfo) -> int:
    return stamp_of(info.file_size, info.CRC)


def _is_link(info: zipfile.ZipInfo) -> bool:
    return info.create_system == _UNIX and stat.S_ISLNK(info.external_attr >> 16)
