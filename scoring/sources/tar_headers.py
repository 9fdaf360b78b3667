"""The headers in one tar file, those of further archives behind its end included."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import gcd
from typing import BinaryIO, Self

_HEADERS_AT_ONCE = 1000
_UTF8, _ESCAPED = "utf-8", "surrogateescape"  # names, whatever the locale
_DUMPDIR = b"D"  # a folder, with the names in it; GNU tar's manual, "Dumpdir"
_RECORD = 20 * tarfile.BLOCKSIZE  # that writers fill up where `tar -b` says nothing else
_RECORDS = (_RECORD, 126 * tarfile.BLOCKSIZE, *(tarfile.BLOCKSIZE << power for power in range(12)))  # to 1 MiB
# What of a header is used, and not by tarfile as GNU tar does; POSIX.1-2017, pax, "ustar Interchange Format".
_NAME, _MAGIC, _PREFIX = slice(0, 100), slice(257, 263), slice(345, 500)
_POSIX = b"ustar\0"
# Headers whose content tells of the next member: its name, times, attributes. tarfile holds it, whatever its length.
_EXTENSIONS = frozenset({b"L", b"K", b"x", b"g", b"X"})
_LONGEST_EXTENSION = 1 << 20  # bytes; a path has 4 KiB at most, an attribute in Linux 64


@dataclass(frozen=True)
class _Archive:
    """One of the archives in a tar.

    Attributes:
        length: Bytes from its first header to that of the next, or to the end of the file.
        num_zeros: How many of them are zeros behind its last member.
        is_last: Whether no other follows.
    """

    length: int
    num_zeros: int
    is_last: bool

    @property
    def is_usual(self) -> bool:
        """Whether the zeros may be what writers put behind an archive."""
        if self.is_last and self.num_zeros <= _most_zeros(_RECORD):
            return True
        return any(self.num_zeros <= _most_zeros(record) and self.length % record == 0 for record in _RECORDS)


class _Header(tarfile.TarInfo):
    """As tarfile reads it, before it reads more."""

    __slots__ = ()

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type in _EXTENSIONS and header.size > _LONGEST_EXTENSION:
            raise tarfile.ReadError(f"a header of {header.size} bytes, where {_LONGEST_EXTENSION} are the most")
        return header


class TarHeaders:
    """All members of a tar, those of further archives behind the first one's end included."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._archives: list[_Archive] = []
        self._begin = 0  # of the archive that is being read

    @property
    def have_hole(self) -> bool:
        """Whether more zeros follow an archive than its end takes, where members may have been; once all are read.

        Archives of an unusual record, one behind the other, are told by beginning where a record does.
        """
        if all(archive.is_usual for archive in self._archives):
            return False
        record = gcd(*(archive.length for archive in self._archives))
        return len(self._archives) == 1 or any(archive.num_zeros > _most_zeros(record) for archive in self._archives)

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        """Read them, anew.

        A TarFile keeps every member it has seen, so each is left after a thousand, and another begins there.

        Raises:
            tarfile.TarError: If the tar is damaged.
            OSError: If it cannot be read.
        """
        file = self._file
        self._archives, self._begin = [], 0
        start = self._next_archive(0)
        pax_headers: dict[str, str] = {}
        while start is not None:
            file.seek(start)
            last, brings_data = None, False
            with tarfile.open(
                fileobj=file, mode="r:", tarinfo=_Header, pax_headers=pax_headers, encoding=_UTF8, errors=_ESCAPED
            ) as opened:
                for last in islice(opened, _HEADERS_AT_ONCE):
                    if last.size < 0 or last.offset < start:  # tarfile would go round in a circle
                        raise tarfile.ReadError(f"the header at byte {last.offset} makes no sense")
                    last.name = _name(last, file)
                    if brings_data := last.islnk() and last.size > 0 and _has_data(last, file):
                        last.type = tarfile.REGTYPE
                    yield last
                    if brings_data:  # tarfile would look for the next header in it
                        break
                if last is None:  # tarfile takes a damaged header for the end
                    raise tarfile.ReadError(f"the header at byte {start} is none")
                following = None if brings_data else opened.next()
                pax_headers = dict(opened.pax_headers)
            start = following.offset if following else self._next_archive(end_of(last, file))

    def _next_archive(self, end: int) -> int | None:
        """Where the next header is, behind zeros that may end an archive; None if nothing follows."""
        self._file.seek(end)
        stop = end
        while (block := self._file.read(tarfile.BLOCKSIZE)) and not block.strip(b"\0"):
            stop += len(block)
        if stop > end:
            self._archives.append(_Archive(stop - self._begin, stop - end, is_last=not block))
            self._begin = stop
        return stop if block else None


def is_folder(member: tarfile.TarInfo) -> bool:
    """Whether a member is a folder, in an incremental archive of GNU tar also."""
    return member.isdir() or member.type == _DUMPDIR


def end_of(member: tarfile.TarInfo, file: BinaryIO) -> int:
    """Where the last member of an archive ends."""
    if member.issparse():  # its size here says nothing of its size there; the reader has come to the end
        return file.tell()
    has_content = member.isreg() or member.type not in tarfile.SUPPORTED_TYPES
    num_blocks = -(-member.size // tarfile.BLOCKSIZE) if has_content else 0
    return member.offset_data + num_blocks * tarfile.BLOCKSIZE


def raw_name(member: tarfile.TarInfo) -> bytes:
    """Its name, as its header has it."""
    return member.name.encode(_UTF8, _ESCAPED)


def _most_zeros(record: int) -> int:
    """How many end an archive: two blocks, and what is left of the record in which the second lies."""
    return record + tarfile.BLOCKSIZE


def _has_data(link: tarfile.TarInfo, file: BinaryIO) -> bool:
    """Whether a hard link brings its file's content, as POSIX allows: where no header follows, nor an end of zeros."""
    file.seek(link.offset_data)
    block = file.read(tarfile.BLOCKSIZE)
    if not block.strip(b"\0"):
        return False
    try:
        tarfile.TarInfo.frombuf(block, _UTF8, _ESCAPED)
    except tarfile.HeaderError:
        return True
    return False


def _name(member: tarfile.TarInfo, file: BinaryIO) -> str:
    """A member's name without what tarfile takes for a prefix in headers that have none: times of GNU's, anything."""
    if "/" not in member.name or member.issparse():
        return member.name
    file.seek(member.offset_data - tarfile.BLOCKSIZE)
    header = file.read(tarfile.BLOCKSIZE)
    if header[_MAGIC] == _POSIX:
        return member.name
    name, prefix = (header[part].split(b"\0")[0].decode(_UTF8, _ESCAPED) for part in (_NAME, _PREFIX))
    return name if member.name.rstrip("/") == f"{prefix}/{name}".rstrip("/") else member.name
