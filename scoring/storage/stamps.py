"""A number that tells one content of a file from another, at the price of looking at the file from outside."""

import hashlib
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from scoring.errors import ChangedError

_MOUNTS = Path("/proc/self/mountinfo")
# How the file systems are called where a file may have another inode number tomorrow, or on another machine.
# Those of FAT have none on the disk: Linux counts them anew, see iunique() in its fs/fat/inode.c and fs/exfat/inode.c.
# An image of one of the last line is written as a whole, in which another file gets the number.
_NUMBERED_ANEW = (
    *("fuse", "nfs", "cifs", "smb3", "smbfs", "9p", "afs", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "grpcfuse"),
    *("fakeowner", "orangefs", "vfat", "msdos", "exfat"),
    *("squashfs", "erofs", "cramfs", "romfs"),
)


class Seen(NamedTuple):
    """What a file or an object was when it was read.

    Attributes:
        size_bytes: Its size, as the system or the server gives it.
        stamp: What tells its content.
        stamps: Returns all stamps that a list of it may give; none where nothing tells.
    """

    size_bytes: int
    stamp: int
    stamps: Callable[[], frozenset[int]]


def stamp_of(*known: object) -> int:
    """A signed number of 64 bits; other values give another one."""
    digest = hashlib.blake2b(repr(known).encode(errors="surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def file_stamp(status: os.stat_result) -> int:
    """The stamp of a local file: of its size, when it was last written, and its inode where that is kept."""
    return stamp_of(status.st_size, status.st_mtime_ns, inode_of(status))


def listed_stamp(status: os.stat_result) -> int | None:
    """The same; None where neither a time nor an inode tells, as in images of a disk that are made to be alike."""
    return file_stamp(status) if status.st_mtime_ns or inode_of(status) is not None else None


def file_stamps(status: os.stat_result) -> frozenset[int]:
    """The stamps that machines may give to one file: with its inode where it lies, without it where it is mounted."""
    return frozenset(stamp_of(status.st_size, status.st_mtime_ns, number) for number in (status.st_ino, None))


def inode_of(status: os.stat_result) -> int | None:
    """A file's inode number; None where the file system may give it another one."""
    return status.st_ino if _keeps_inodes(status.st_dev) else None


def object_stamp(meta: Mapping[str, Any]) -> int:
    """The stamp of an object: its size and ETag, or where there is none, its version and when it was written."""
    tag = meta.get("e_tag")
    return stamp_of(meta["size"], tag) if tag else stamp_of(meta["size"], meta.get("version"), meta["last_modified"])


def object_identity(meta: Mapping[str, Any]) -> tuple[object, ...] | None:
    """What tells an object's content from what was or will be there; None where its server tells nothing but its size.

    That is its tag, or where there is none, when it was written.
    """
    if not meta.get("e_tag") and told_time(meta) is None:
        return None
    return meta["size"], meta.get("version"), meta.get("e_tag") or told_time(meta)


def told_time(meta: Mapping[str, Any]) -> float | None:
    """When an object was written, in seconds since 1970; None where its server does not tell: the client says 0."""
    return meta["last_modified"].timestamp() or None


def object_stamps(meta: Mapping[str, Any]) -> frozenset[int]:
    """The stamps that a list may give to an object: Azure's leave out the quotes of its ETag. See also `bare_tag`."""
    tag = meta.get("e_tag")
    if not tag:
        return frozenset({object_stamp(meta)})
    bare = bare_tag(tag)
    return frozenset(stamp_of(meta["size"], spelled) for spelled in (tag, f'"{bare}"', bare))


def bare_tag(tag: str) -> str:
    """An ETag without what proxies on the way add to it, or leave out."""
    return tag.removeprefix("W/").strip('"')


def has_changed(place: object) -> ChangedError:
    """What to raise where a file is no longer the one that was looked at."""
    return ChangedError(None, "it has changed since it was listed", str(place))


@cache
def _keeps_inodes(device: int) -> bool:
    """Whether files of this device keep their inode numbers; those of a device that is not among the mounts do."""
    try:
        mounts = [line.split() for line in _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:  # another system than Linux
        return True
    numbers = f"{os.major(device)}:{os.minor(device)}"  # third in a line; the kind is behind a lone dash: proc(5)
    kinds = {mount[mount.index("-") + 1] for mount in mounts if mount[2] == numbers}
    return not any(kind.startswith(_NUMBERED_ANEW) for kind in kinds)
