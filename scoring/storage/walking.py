"""All files below a folder or a prefix, and what is there that is no file to be read."""

import os
import re
import stat
from array import array
from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import NamedTuple
from unicodedata import normalize

from scoring.storage.locations import Location, Url
from scoring.storage.reach import may_pass, refuse_fault_of_machine, refuse_passing_fault
from scoring.storage.retrying import is_transient, patiently
from scoring.storage.stamps import listed_stamp

# What network disks (Synology, QNAP, NetApp), Windows, macOS, Linux, Python, Spark and Delta Lake make: thumbnails,
# snapshots, bins, caches, and what is not yet or no longer part of a table.
_NOT_FOR_PEOPLE = (
    *("@eaDir", "#recycle", "#snapshot", "~snapshot", "@Recycle", "@Recently-Snapshot"),
    *("$RECYCLE.BIN", "$Recycle.Bin", "Network Trash Folder", "System Volume Information"),
    *("__MACOSX", "lost+found", "__pycache__"),
    *("_temporary", "_spark_metadata", "_delta_log"),
)
_HIDDEN = re.compile(rf"(?:^|/)(?:\.(?!\.?(?:/|$))|(?:{'|'.join(map(re.escape, _NOT_FOR_PEOPLE))})(?:/|$))")
# The same without lookahead, which Arrow's regular expressions lack: where it is not found, nothing is hidden.
MAY_BE_HIDDEN = rf"(?:^|/)(?:\.|{'|'.join(map(re.escape, _NOT_FOR_PEOPLE))})"
HIDDEN_BEGIN = "".join({".", *(name[0] for name in _NOT_FOR_PEOPLE)}).encode()  # what hidden names begin with

_MOST_PATIENT = 20  # files that are asked for again and again without success: a second each, others only once
_MARKER_BYTES = 1  # the most that an object has that marks a folder: some tools write a line's end


class Fault(StrEnum):
    """Why something in a folder is no file to be read."""

    HIDDEN = "hidden"
    NO_TARGET = "link to no file"
    UNREADABLE = "unreadable"
    SPECIAL = "not a regular file"
    SLASHED = "key that begins with a slash"
    SEARCHED = "folder that counts under another name, which links lead to"


class Walked(NamedTuple):
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
    folders are not searched; they, folders that are closed and further names of one are there with their fault. A file
    that cannot be looked at for a moment has the size 0 and no stamp.

    Raises:
        BucketError: If the bucket of a prefix cannot be reached.
        UnreachableError: If a folder, its disk or the machine cannot be read now.
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
    """One walk through a folder on a disk; linked folders come last, in the order of their names.

    A folder that no link leads to is met once. Whether a link leads to one again, its real path tells: the numbers of
    inodes do not, where virtiofs, 9p or bindfs pass on those of several disks as if they were of one.
    """

    def __init__(self, folder: Path) -> None:
        self._root = str(folder)
        self._above = len(os.path.join(self._root, ""))
        self._searched = defaultdict[str, list[str]](list)  # real paths, by what disks that ignore case take for one
        self._real, self._linked = [(self._root, "")], list[str]()
        self._num_patient = _MOST_PATIENT

    def files(self) -> Iterator[Walked]:
        while self._real or self._linked:
            if not self._real:
                self._linked.sort(reverse=True)
            folder, real = self._real.pop() if self._real else (self._linked.pop(), "")
            try:
                real = real or patiently()(_real_path, folder)
                if not self._is_new(real):
                    yield Walked(f"{folder[self._above :]}/", fault=Fault.SEARCHED)
                    continue
                yield from filter(None, map(partial(self._look, real), _entries(folder)))
            except OSError as error:
                refuse_passing_fault(folder, error)
                yield Walked(f"{folder[self._above :] or '.'}/", fault=Fault.UNREADABLE)

    def _is_new(self, real: str) -> bool:
        """Whether a folder was not searched; a link may spell its name in other letters than its disk."""
        alike = self._searched[normalize("NFC", real).casefold()]
        if any(real == one or _is_same(real, one) for one in alike):
            return False
        alike.append(real)
        return True

    def _look(self, above: str, entry: os.DirEntry[str]) -> Walked | None:
        """The file that an entry is, with its fault if it has one; None for a folder, which is kept for later."""
        try:
            return self._see(above, entry)
        except OSError as error:
            fault = error
        if is_transient(fault) and self._num_patient:
            try:
                return patiently()(self._see, above, entry)
            except OSError as error:
                fault = error
                self._num_patient -= 1
        return self._judge(entry, fault)

    def _see(self, above: str, entry: os.DirEntry[str]) -> Walked | None:
        name = entry.path[self._above :]
        if entry.is_dir():
            if is_hidden(entry.name):
                return Walked(f"{name}/", fault=Fault.HIDDEN)
            if entry.is_symlink():
                self._linked.append(entry.path)
            else:
                self._real.append((entry.path, os.path.join(above, entry.name)))
            return None
        status = entry.stat()
        fault = None if stat.S_ISREG(status.st_mode) else Fault.SPECIAL
        return Walked(name, status.st_size, fault, listed_stamp(status))

    def _judge(self, entry: os.DirEntry[str], error: OSError) -> Walked:
        """What cannot be looked at; a file that may be at another time counts, as one of unknown size and content.

        Raises:
            UnreachableError: If it may be a folder, or others cannot be looked at either.
        """
        refuse_fault_of_machine(entry.path, error)
        name = entry.path[self._above :]
        if may_pass(error):
            if not _is_file(entry):
                refuse_passing_fault(entry.path, error)
            return Walked(name)
        is_closed = isinstance(error, PermissionError) or not entry.is_symlink()
        return Walked(name, fault=Fault.UNREADABLE if is_closed else Fault.NO_TARGET)


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    """What a folder holds, each once, also where its listing breaks off for a moment."""
    given = array("q")  # names would take a hundred bytes each
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                given.append(hash(entry.name))
                yield entry
    except OSError as error:
        if not is_transient(error):
            raise
        yield from patiently()(_other_entries, folder, set(given))


def _other_entries(folder: str, given: set[int]) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return [entry for entry in entries if hash(entry.name) not in given]


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Whether an entry that cannot be looked at is a file, by what its folder says of it, or else by its name."""
    try:
        return not entry.is_dir()
    except OSError:
        return is_hidden(entry.name) or "." in entry.name


def _is_same(folder: str, other: str) -> bool:
    try:
        return Path(folder).samefile(other)
    except OSError:  # one of them is gone
        return False


def _real_path(folder: str) -> str:
    try:
        return os.path.realpath(folder, strict=True)
    except (PermissionError, FileNotFoundError):  # of a folder above it, or it is gone, which its listing says
        return os.path.realpath(folder)
