"""All files below a folder or a prefix."""

import os
from collections.abc import Iterator
from pathlib import Path

from scoring.storage.locations import Location, Url


def walk(folder: Location) -> Iterator[tuple[str, int]]:
    """The files below a folder: their path from there, as the system decodes it, and their size in bytes.

    Symbolic links are followed, and each real folder is searched once; of a prefix a thousand objects are in memory.
    """
    return folder.objects() if isinstance(folder, Url) else _walk_disk(folder)


def _walk_disk(folder: Path) -> Iterator[tuple[str, int]]:
    root, seen = str(folder), set()
    pending = [root]
    while pending:
        current = pending.pop()
        status = Path(current).stat()
        if (status.st_dev, status.st_ino) in seen:  # a symbolic link back to where we were
            continue
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(current) as found:
            for entry in found:
                if entry.is_dir():
                    pending.append(entry.path)
                else:
                    yield os.path.relpath(entry.path, root), _size_bytes(entry)


def _size_bytes(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_size
    except OSError:  # a link to nowhere: still a row, with its reason when it is read
        return 0
