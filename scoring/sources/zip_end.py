"""Whether a zip is whole, by its end: no part of several, its directory complete, and no other zip before its files."""

import os
import re
import struct
import zipfile
from pathlib import PurePosixPath
from typing import IO

from scoring.errors import ImagesError
from scoring.storage.reading import Place

# The record at a zip's end, before the comment, section 4.3.16: signature, number of the part it is in, number of
# files, length of the directory and how far behind the zip's begin it is, length of the comment.
_END, _SIGNATURE = struct.Struct("<4sH4xHIIH"), b"PK\x05\x06"
_IN_ZIP64 = 0xFFFF  # the number stands in another record
_LONGEST_COMMENT = 0xFFFF


def refuse_unwhole(opened: zipfile.ZipFile, place: Place) -> None:
    """Refuse a zip that tells of files that lie elsewhere, or does not tell of files that lie in it.

    Raises:
        ImagesError: If it is cut off, the last part of a split zip, one of several zips in a file, or its directory
            has fewer files than its end says.
    """
    file = opened.fp
    assert file is not None
    end_at = file.seek(-_END.size - len(opened.comment), os.SEEK_END)
    end = file.read(_END.size)
    if len(end) < _END.size:  # within another archive that was cut off
        raise ImagesError(f"Expected a readable zip; {place} is damaged: it is cut off.")
    signature, part, num_files, *_ = _END.unpack(end)
    if signature == _SIGNATURE and 0 < part < _IN_ZIP64:
        raise ImagesError(f"Expected a whole zip; {place} is the last of {part + 1} parts. {_advice('-s 0', place)}")
    infos = opened.infolist()
    if signature == _SIGNATURE and len(infos) < num_files < _IN_ZIP64:
        raise ImagesError(
            f"Expected a readable zip; {place} is damaged: its directory has {len(infos):,} of {num_files:,} files."
        )
    begin = min((info.header_offset for info in infos), default=end_at)
    if begin > 0 and _ends_another(file, begin):
        raise ImagesError(
            f"Expected one zip; {place} holds several, one behind the other, of which only the last would be read. "
            f"{_advice('-FF', place)}"
        )


def _ends_another(file: IO[bytes], begin: int) -> bool:
    """Whether a zip with files in it ends where this one begins, or before zeros there; a program may stand there.

    It begins where the file does, or where one more ends: a zip may also be a member that the directory has lost.
    """
    file.seek(max(0, begin - _END.size - _LONGEST_COMMENT))
    before = file.read(begin - file.tell())
    for found in re.finditer(re.escape(_SIGNATURE), before[: -_END.size + len(_SIGNATURE)]):
        _, _, num_files, directory_bytes, directory_at, comment_bytes = _END.unpack_from(before, found.start())
        comment_end = found.start() + _END.size + comment_bytes
        if num_files and comment_end <= len(before) and not before[comment_end:].strip(b"\0"):
            starts_at = begin - len(before) + found.start() - directory_bytes - directory_at
            if starts_at == 0 or (0 < starts_at < begin and _ends_another(file, starts_at)):
                return True
    return False


def _advice(how: str, place: Place) -> str:
    return f"Join them: zip {how} {PurePosixPath(place.name).name} --out whole.zip."
