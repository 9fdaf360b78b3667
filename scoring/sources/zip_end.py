"""Whether a zip is whole, by its end: no part of several, its directory complete, and no other zip before its files."""

import os
import re
import struct
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, NamedTuple

from scoring.errors import ImagesError
from scoring.storage.reading import Place

# The record at a zip's end, before the comment, section 4.3.16: signature, number of the part it is in, number of
# files, length of the directory and how far behind the zip's begin it is, length of the comment.
_END, _SIGNATURE = struct.Struct("<4sH4xHIIH"), b"PK\x05\x06"
_IN_ZIP64 = 0xFFFF  # the number stands in another record
# That one, section 4.3.14: signature, the same numbers. Between it and the end stands where it is, section 4.3.15.
_END64, _SIGNATURE64 = struct.Struct("<4s28xQQQ"), b"PK\x06\x06"
_LOCATOR_BYTES, _LOCATOR_SIGNATURE = 20, b"PK\x06\x07"
_DIRECTORY_SIGNATURE = b"PK\x01\x02"
# What stands before a member's content, section 4.3.7: signature, lengths of its name and of what else follows.
_HEADER, _HEADER_SIGNATURE = struct.Struct("<4s22xHH"), b"PK\x03\x04"
_LONGEST_HEADER = _HEADER.size + 2 * 0xFFFF
_SEARCHED_BYTES = 1024**2  # for an end, its comment of up to 64 KiB, and a program that unpacks the zip behind it
_BLANKS = re.compile(rb"[\0\s]*")
# What stands before the first header in the first of several parts, sections 8.5.3 and 8.5.4, or in the only one.
_MARKS, _MARK_BYTES = (b"PK\x07\x08", b"PK00"), 4
_FIRST = re.compile(rb"(?:PK\x07\x08|PK00)?PK\x03\x04")


class _End(NamedTuple):
    """What a zip's end says.

    Attributes:
        num_files: How many files the directory has.
        directory_at: Where in the file the directory begins.
        begin: Where the zip does.
        comment_end: Where the zip ends.
    """

    num_files: int
    directory_at: int
    begin: int
    comment_end: int


def refuse_unwhole(opened: zipfile.ZipFile, place: Place) -> None:
    """Refuse a zip that tells of files that lie elsewhere, or does not tell of files that lie in it.

    Raises:
        ImagesError: If it is cut off, the last part of a split zip, one of several zips in a file, or its directory
            has fewer files than its end says.
    """
    file = opened.fp
    assert file is not None
    end_at = file.seek(-_END.size - len(opened.comment), os.SEEK_END)
    if len(file.read(_END.size)) < _END.size:  # within another archive that was cut off
        raise ImagesError(f"Expected a readable zip; {place} is damaged: it is cut off.")
    start = file.seek(max(0, end_at - _END64.size - _LOCATOR_BYTES))
    last = file.read(end_at + _END.size - start)
    signature, part, *_ = _END.unpack_from(last, end_at - start)
    if signature == _SIGNATURE and 0 < part < _IN_ZIP64:
        raise ImagesError(f"Expected a whole zip; {place} is the last of {part + 1} parts. {_advice('-s 0', place)}")
    infos, num_files = opened.infolist(), _end_in(last, start, end_at - start).num_files
    if signature == _SIGNATURE and len(infos) < num_files != _IN_ZIP64:
        raise ImagesError(
            f"Expected a readable zip; {place} is damaged: its directory has {len(infos):,} of {num_files:,} files."
        )
    begin = min((info.header_offset for info in infos), default=end_at)
    if begin > 0 and _follows_another(file, begin):
        raise ImagesError(
            f"Expected one zip; {place} holds several, one behind the other, of which only the last would be read. "
            f"{_advice('-FF', place)}"
        )


def _end_in(content: bytes, start: int, at: int) -> _End:
    """What an end record says that stands at `at` in a file's bytes from `start` on."""
    _, _, num_files, directory_bytes, directory_at, comment_bytes = _END.unpack_from(content, at)
    end_at, locator_at = at, at - _LOCATOR_BYTES
    record_at = locator_at - _END64.size
    is_zip64 = record_at >= 0 and content.startswith(_LOCATOR_SIGNATURE, locator_at)
    if is_zip64 and content.startswith(_SIGNATURE64, record_at):
        _, num_files, directory_bytes, directory_at = _END64.unpack_from(content, record_at)
        end_at = record_at
    begins_at = start + end_at - directory_bytes
    return _End(num_files, begins_at, begins_at - directory_at, start + at + _END.size + comment_bytes)


def _follows_another(file: IO[bytes], begin: int) -> bool:
    """Whether a zip with files in it ends where this one begins, or before blanks there; a program may stand there.

    Programs may hold zips, too; where the file begins with a zip, anything may stand between, and that zip is looked
    for, as others may lie within members that the directory has lost. The header of one that is such a member stands
    right before it.
    """
    file.seek(0)
    is_zip_first = _FIRST.match(file.read(_MARK_BYTES + len(_HEADER_SIGNATURE))) is not None
    file.seek(max(0, begin - _MARK_BYTES))
    begin -= _MARK_BYTES if file.read(_MARK_BYTES) in _MARKS else 0
    while begin > 0:
        ends = list(_ends_before(file, begin, is_zip_first))
        if any(end.begin < _HEADER.size or not (is_zip_first or _is_member(file, end.begin)) for end in ends):
            return True
        begin = min((end.begin for end in ends), default=0) if is_zip_first else 0
    return False


def _ends_before(file: IO[bytes], begin: int, with_bytes_between: bool) -> Iterator[_End]:
    """The ends of zips with files in them that stand before a zip, as far as is searched, and before zeros there."""
    stop = min(begin, _zeros_before(file, begin) + _END.size)
    start = file.seek(max(0, stop - _SEARCHED_BYTES))
    before = file.read(stop - start)
    for found in re.finditer(re.escape(_SIGNATURE), before[: -_END.size + len(_SIGNATURE)]):
        end = _end_in(before, start, found.start())
        if end.comment_end > begin or not (with_bytes_between or _BLANKS.fullmatch(before, end.comment_end - start)):
            continue
        if 0 <= end.begin <= end.directory_at and _has_files(file, end):
            yield end


def _zeros_before(file: IO[bytes], at: int) -> int:
    """Where the zeros begin that stand before a place in a file."""
    while at > 0:
        start = file.seek(max(0, at - _SEARCHED_BYTES))
        if rest := file.read(at - start).rstrip(b"\0"):
            return start + len(rest)
        at = start
    return 0


def _has_files(file: IO[bytes], end: _End) -> bool:
    file.seek(end.directory_at)
    return file.read(len(_DIRECTORY_SIGNATURE)) == _DIRECTORY_SIGNATURE


def _is_member(file: IO[bytes], at: int) -> bool:
    """Whether the header of a member ends where its content would begin."""
    start = file.seek(max(0, at - _LONGEST_HEADER))
    before = file.read(at - start)
    headers = re.finditer(re.escape(_HEADER_SIGNATURE), before[: -_HEADER.size + len(_HEADER_SIGNATURE)])
    lengths = ((found.start(), _HEADER.unpack_from(before, found.start())) for found in headers)
    return any(here + _HEADER.size + name + more == len(before) for here, (_, name, more) in lengths)


def _advice(how: str, place: Place) -> str:
    return f"Join them: zip {how} {PurePosixPath(place.name).name} --out whole.zip."
