"""All files below a folder or a prefix, and what is there that is no file to be read."""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from scoring.storage.locations import Location, Url
from scoring.storage.reach import refuse_fault_of_machine
from scoring.storage.stamps import file_stamp

# What network disks (Synology, QNAP, NetApp), Windows, macOS, Linux, Python, Spark and Delta Lake make: thumbnails,
# snapshots, bins, caches, and what is not yet or no longer part of a table.
_NOT_FOR_PEOPLE = (
    *("@eaDir", "#recycle", "#snapshot", "~snapshot", "@Recycle", "@Recently-Snapshot"),
    *(
        "$RECYCLE.BIN",
        "$Recycle.Bin",
        "RECYCLER",
        "RECYCLED",
        "Network Trash Folder",
        "System Volume Information",
        "__MACOSX",
        "lost+found",
        "__pycache__",
    ),
    *("_temporary", "_spark_metadata", "_delta_log"),
)
_HIDDEN = re.compile(rf"(?:^|/)(?:\.(?!\.?(?:/|$))|(?:{'|'.join(map(re.escape, _NOT_FOR_PEOPLE))})(?:/|$))")
# The same without lookahead, which Arrow's regular expressions lack: where it is not found, nothing is hidden.
MAY_BE_HIDDEN = rf"(?:^|/)(?:\.|{'|'.join(map(re.escape, _NOT_FOR_PEOPLE))})"
HIDDEN_BEGIN = "".join({".", *(name[0] for name in _NOT_FOR_PEOPLE)}).encode()  # what hidden names begin with

_MARKER_BYTES = 1  # the most that an object has that marks a folder: some tools write a line's end


class Fault(StrEnum):
    """Why something in a folder is no file to be read."""

    HIDDEN = "hidden"
    NO_TARGET = "link to no file"
    UNREADABLE = "unreadable"
    SPECIAL = "not a regular file"
    SLASHED = "key that begins with a slash"
    SEARCHED = "folder that counts under another name, which links lead to"


@dataclass(frozen=True)
class Walked:
    """A file below a folder, or a folder that is not searched.

    Attributes:
        name: The path from the folder that was walked, as the system decodes it; a folder's ends with a slash.
        size_bytes: The file's size.
        fault: Why it is no file to be read, or None.
        stamp: What tells its content; None where that is not known.
    """

    name: str
    size_bytes: int = 0
    fault: Fault | None = None
    stamp: int | None = None


def walk(folder: Location) -> Iterator[Walked]:
    """The files below a folder or a prefix.

    Symbolic links are followed, and each real folder is searched once, under its own name if it has one here. Hidden
    folders are not searched; they, folders that cannot be searched and further names of one are there with their fault.

    Raises:
        BucketError: If the bucket of a prefix cannot be reached.
        UnreachableError: If the disk of a folder, or the machine, cannot be read now.
    """
    return _walk_objects(folder) if isinstance(folder, Url) else _Walk(folder).files()


def is_hidden(path: str) -> bool:
    """Whether a file or folder, or one that it lies in, has a name that hides it from people."""
    return _HIDDEN.search(path) is not None


def _walk_objects(prefix: Url) -> Iterator[Walked]:
    marker = Walked("")  # an object without content that may only mark a folder
    files: list[str] = []  # those whose names the next one's begins with
    for name, size_bytes, stamp in prefix.stamped_objects():
        if marker.name and name != marker.name and not name.startswith(f"{marker.name}/"):
            yield marker
        while files and not name.startswith(files[-1]):
            files.pop()
        fault = Fault.SLASHED if name.startswith("/") else None
        found = Walked(name, size_bytes, fault, stamp) if size_bytes else Walked(name)
        is_file = size_bytes > _MARKER_BYTES
        marker = Walked("") if is_file or name in files else found  # `1.jpg/` beside `1.jpg` is listed as that
        if is_file:
            files.append(name)
            yield found
    if marker.name:
        yield marker


class _Walk:
    """One walk through a folder on a disk; linked folders come last, in the order of their names."""

    def __init__(self, folder: Path) -> None:
        self._root = str(folder)
        self._above = len(os.path.join(self._root, ""))
        self._seen: set[tuple[int, int]] = set()
        self._real, self._linked = [self._root], list[str]()

    def files(self) -> Iterator[Walked]:
        while self._real or self._linked:
            if not self._real:
                self._linked.sort(reverse=True)
            folder = (self._real or self._linked).pop()
            try:
                if not self._is_new(folder):
                    yield Walked(f"{folder[self._above :]}/", fault=Fault.SEARCHED)
                    continue
                with os.scandir(folder) as entries:
                    yield from filter(None, map(self._look, entries))
            except OSError as error:
                refuse_fault_of_machine(folder, error)
                yield Walked(f"{folder[self._above :] or '.'}/", fault=Fault.UNREADABLE)

    def _is_new(self, folder: str) -> bool:
        status = Path(folder).stat()
        identity = (status.st_dev, status.st_ino)
        is_new = identity not in self._seen  # else a symbolic link to where we were
        self._seen.add(identity)
        return is_new

    def _look(self, entry: os.DirEntry[str]) -> Walked | None:
        """The file that an entry is, with its fault if it has one; None for a folder, which is kept for later."""
        name = entry.path[self._above :]
        try:
            if entry.is_dir():
                if is_hidden(entry.name):
                    return Walked(f"{name}/", fault=Fault.HIDDEN)
                (self._linked if entry.is_symlink() else self._real).append(entry.path)
                return None
            status = entry.stat()
        except OSError as error:
            refuse_fault_of_machine(entry.path, error)
            is_closed = isinstance(error, PermissionError) or not entry.is_symlink()
            return Walked(name, fault=Fault.UNREADABLE if is_closed else Fault.NO_TARGET)
        fault = None if stat.S_ISREG(status.st_mode) else Fault.SPECIAL
        return Walked(name, status.st_size, fault, file_stamp(status))
