"""Write a small file only if nobody else has written it since: of several writers that read the same, one succeeds.

In a bucket the store compares. On a disk a new file gets its name by a hard link, which fails if the name is taken; an
old one is replaced under a lock of the file itself, which ends with the process that holds it.
"""

import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from scoring.storage.durable import refuse_special, scratch_beside, sync
from scoring.storage.locations import Location, Url, machine_path
from scoring.storage.urls import Version

# How long to wait for a writer that holds the lock: it only compares and renames.
_LOCK_PATIENCE_S = 5.0
_LOOK_AGAIN_S = 0.01
# What file systems answer that have no hard links, or no locks.
_CANNOT = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOLCK, errno.EMLINK})
# What a folder answers where another one may still be written to: it is mounted by itself, or is of another user.
_ELSEWHERE = frozenset({errno.EXDEV, errno.EACCES, errno.EPERM, errno.EROFS})


def read_version(location: Location) -> tuple[bytes, Version]:
    """A file's content, and which version of it that is.

    Raises:
        FileNotFoundError: If there is no such file.
        OSError: If it cannot be read, or is a pipe, a device or the like.
    """
    if isinstance(location, Url):
        return location.read_version()
    refuse_special(location)
    content = location.read_bytes()
    return content, _version(content)


def write_if(location: Location, version: Version | None, content: bytes, scratch: Location | None = None) -> bool:
    """Write a file if it is of this version still, or for None, if it does not exist.

    Readers see it whole, but for a new file where there are no hard links: that one is written under its own name.

    Args:
        location: The file.
        version: The version that makes way.
        content: What to write.
        scratch: A folder to hide the file in until it is whole, where its own is read by programs that look at hidden
            ones; its own if nothing can be written there, or moved from there.

    Returns:
        Whether it was written.

    Raises:
        OSError: If it cannot be written.
    """
    if isinstance(location, Url):
        from scoring.storage.conditional_put import put_if  # local runs ask no bucket

        return put_if(location, version, content)
    with _unless_changed(location, version) as is_same:
        if not is_same:
            return False
        hidden = machine_path(scratch) if scratch else None
        try:
            is_written = _put(location, version, content, hidden if hidden and _on_one_disk(hidden, location) else None)
        except OSError as error:
            if hidden is None or error.errno not in _ELSEWHERE:
                raise
            is_written = _put(location, version, content, None)
        if is_written:
            sync(location.parent)
    return is_written


def _on_one_disk(folder: Path, path: Path) -> bool:
    """Whether a file can be moved from a folder to its place, as far as disks tell: it may be a link to another one."""
    return folder.stat().st_dev == path.parent.stat().st_dev


def _put(path: Path, version: Version | None, content: bytes, scratch: Path | None) -> bool:
    with scratch_beside(path, scratch) as temporary:
        temporary.write_bytes(content)
        sync(temporary)
        if version is None:
            return _create(path, temporary, content)
        temporary.replace(path)
    return True


def remove_if(location: Location, version: Version) -> bool:
    """Remove a file if it is of this version still; in a bucket it is looked at just before.

    Returns:
        Whether it was removed.

    Raises:
        OSError: If it cannot be removed.
    """
    if isinstance(location, Url):
        with suppress(FileNotFoundError):
            if location.read_version()[1] == version:
                location.unlink()
                return True
        return False
    with _unless_changed(location, version) as is_same:
        if is_same:
            location.unlink()
        return is_same


def _version(content: bytes) -> Version:
    return {"sha256": hashlib.sha256(content).hexdigest()}


def _create(path: Path, temporary: Path, content: bytes) -> bool:
    """Give a file that is written its name, if nothing has that name."""
    try:
        os.link(temporary, path)
    except FileExistsError:  # over a network it may be ours: the answer to a first try was lost
        return temporary.stat().st_nlink == 2
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        temporary.unlink()  # its room is needed on a disk that is nearly full
        return _create_without_links(path, content)
    return True


def _create_without_links(path: Path, content: bytes) -> bool:
    """Write a file under its own name, if nothing has that name; what cannot be written to its end is removed."""
    try:
        file = path.open("xb")
    except FileExistsError:
        return False
    created = os.fstat(file.fileno())
    try:
        with file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):  # what kept it from being written is told
            if os.path.samestat(created, path.stat()):  # nobody has replaced it meanwhile
                path.unlink()
        raise
    return True


@contextmanager
def _unless_changed(path: Path, version: Version | None) -> Iterator[bool]:
    """Whether a file is of a version; nobody replaces it while the block runs. For None there is nothing to lock."""
    if version is None:
        yield True
        return
    with _locked(path) as file:
        yield file is not None and _version(file.read()) == version


@contextmanager
def _locked(path: Path) -> Iterator[BinaryIO | None]:
    """Open the file that has this name now, and lock it; None if there is none, or another holds it for too long."""
    deadline = time.monotonic() + _LOCK_PATIENCE_S
    while time.monotonic() < deadline:
        try:
            file = path.open("r+b")
        except FileNotFoundError:
            break
        with file:
            if _lock(file) and _is_named(file, path):
                yield file
                return
        time.sleep(_LOOK_AGAIN_S)
    yield None


def _lock(file: BinaryIO) -> bool:
    """Lock a file until it is closed; where files cannot be locked, only the comparison before the rename guards it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _CANNOT
    return True


def _is_named(file: BinaryIO, path: Path) -> bool:
    """Whether an open file still has this name, or was replaced while we waited for its lock."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
