"""The headers in one tar file, those of further archives behind its end included."""

import tarfile
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

_HEADERS_AT_ONCE = 1000
_UTF8, _ESCAPED = "utf-8", "surrogateescape"  # names, whatever the locale
_DUMPDIR = b"D"  # a folder, with the names in it; GNU tar's manual, "Dumpdir"
# What of a header is used, and not by tarfile as GNU tar does; POSIX.1-2017, pax, "ustar Interchange Format".
_NAME, _MAGIC, _PREFIX = slice(0, 100), slice(257, 263), slice(345, 500)
_POSIX = b"ustar\0"


def read_headers(file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    """All members, those of further archives behind the first one's end included.

    A TarFile keeps every member it has seen, so each is left after a thousand, and another begins there.

    Raises:
        tarfile.TarError: If it is damaged.
        OSError: If it cannot be read.
    """
    start = _skip_zeros(file, 0)
    pax_headers: dict[str, str] = {}
    while start is not None:
        file.seek(start)
        last = None
        with tarfile.open(fileobj=file, mode="r:", pax_headers=pax_headers, encoding=_UTF8, errors=_ESCAPED) as opened:
            for last in islice(opened, _HEADERS_AT_ONCE):
                if last.size < 0 or last.offset < start:  # tarfile would go round in a circle
                    raise tarfile.ReadError(f"the header at byte {last.offset} makes no sense")
                last.name = _name(last, file)
                yield last
            if last is None:  # tarfile takes a damaged header for the end
                raise tarfile.ReadError(f"the header at byte {start} is none")
            following = opened.next()
            pax_headers = dict(opened.pax_headers)
        start = following.offset if following else _skip_zeros(file, end_of(last, file))


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


def _skip_zeros(file: BinaryIO, start: int) -> int | None:
    """Where the next header stands, behind the zeros at an archive's end; None if nothing follows."""
    file.seek(start)
    while block := file.read(tarfile.BLOCKSIZE):
        if block.strip(b"\0"):
            return start
        start += len(block)
    return None
