"""What the members of a zip are called: their paths as people write them, whatever system wrote the zip."""

import re
import struct
import zipfile
import zlib
from collections.abc import Sequence

from scoring.sources.spelling import composed

_UTF_8 = 0x800  # the twelfth of a member's flags, PKWARE's APPNOTE.TXT, section 4.4.4: its name is UTF-8
# Info-ZIP's extra field for a name in UTF-8, which begins with 1 and the CRC-32 of the other name: section 4.6.9.
_EXTRA, _UNICODE_PATH, _OF_NAME = struct.Struct("<2sH"), b"up", struct.Struct("<BL")
# Who wrote a member, section 4.4.2: of these, whoever wrote backslashes meant slashes.
_WINDOWS = frozenset({0, 10, 11, 14})
# But in Shift-JIS, Big5 and GBK one behind a byte beyond ASCII is the second byte of a letter, as of 表, 功 and 十.
_BACKSLASH = re.compile(r"(?<![^\0-\x7f])\\")


def member_paths(infos: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The path that people gave each member, its folders parted by slashes; with `./` and without, the first."""
    names = [meant_name(info) for info in infos]
    has_slashes = any("/" in name for name in names)
    has_backslashes = not has_slashes and any(_BACKSLASH.search(name) for name in names)

    def with_slashes(info: zipfile.ZipInfo, name: str) -> str:
        if info.create_system not in _WINDOWS and has_slashes:
            return name
        is_utf_8 = name != info.filename or info.flag_bits & _UTF_8
        return name.replace("\\", "/") if is_utf_8 or has_backslashes else _BACKSLASH.sub("/", name)

    paths = list(map(with_slashes, infos, names))
    first = _first_spellings(paths)
    return [first.get(path.removeprefix("./"), path) for path in paths]


def meant_name(info: zipfile.ZipInfo) -> str:
    """A member's name as it was meant: Macs and Unix write UTF-8 without its flag, where Python reads code page 437."""
    is_plain = info.orig_filename.isascii() and _UNICODE_PATH not in info.extra
    if is_plain or info.flag_bits & _UTF_8:
        return info.filename
    raw = info.orig_filename.encode("cp437")
    try:
        name = (_unicode_path(info.extra, raw) or raw).decode()
    except UnicodeDecodeError:
        return info.filename
    return name.partition("\0")[0]


def _unicode_path(extra: bytes, raw: bytes) -> bytes | None:
    """The name in the extra field for it, unless it is of another name than `raw`."""
    while len(extra) > _EXTRA.size:
        kind, length = _EXTRA.unpack_from(extra)
        content, extra = extra[_EXTRA.size : _EXTRA.size + length], extra[_EXTRA.size + length :]
        if kind == _UNICODE_PATH and content[: _OF_NAME.size] == _OF_NAME.pack(1, zlib.crc32(raw)):
            return content[_OF_NAME.size :]
    return None


def _first_spellings(paths: Sequence[str]) -> dict[str, str]:
    """The first path of each member that is there as `./1.jpg` and as `1.jpg`, by the latter."""
    dotted = {path.removeprefix("./") for path in paths if path.startswith("./")}
    both = dotted.intersection(paths)
    first: dict[str, str] = {}
    for path in paths:
        if (plain := path.removeprefix("./")) in both:
            first.setdefault(plain, path)
    return first


def plain_path(path: str) -> str:
    """One spelling for a path: with accents of one character, and without `./` before it."""
    return composed(path.removeprefix("./"))
