"""Hidden places that files are written in: each is named after its writer, so that it can go once this has ended."""

import hashlib
import os
import re
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from scoring.process.own_place import boot_id, is_alive, pid_namespace

_SHOWN_BYTES = 100  # of a file's name in that of the folder it is written in: all of it may be as long as a name can be
_WRITER = r"(?:(?P<place>[0-9a-f]{8})-(?P<pid>[0-9]{1,9})-)?[0-9a-f]{8}"  # 0.1.0 named none
_DAY_S = 86_400
_SUFFIX = ".tmp"


def hidden_name(name: str) -> str:
    """A name for the folder that a file or folder of this name is written in, as no other process gives."""
    return f".{_shown(name)}.{_own_place()}-{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"


def remove_leftovers(path: Path) -> None:
    """Remove what processes that have ended left beside `path` of what they wrote in its place.

    Of a process of another machine or container, or of version 0.1.0, nobody here can tell whether it has ended: what
    these left goes once nothing in it was written to for a day. What cannot be looked at or removed stays.
    """
    pattern = re.compile(rf"\.{re.escape(_shown(path.name))}\.{_WRITER}{re.escape(_SUFFIX)}")
    with suppress(OSError):
        for name in os.listdir(path.parent):
            if (written := pattern.fullmatch(name)) and _has_ended(path.parent / name, written):
                shutil.rmtree(path.parent / name, ignore_errors=True)


def _has_ended(folder: Path, written: re.Match[str]) -> bool:
    if written["place"] == _own_place():
        return not is_alive(int(written["pid"]))
    try:
        written_to_s = max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
    except OSError:  # somebody is at it
        return False
    return time.time() - written_to_s > _DAY_S


def _own_place() -> str:
    return hashlib.sha256(f"{boot_id()} {pid_namespace()}".encode()).hexdigest()[:8]


def _shown(name: str) -> str:
    return name.encode(errors="surrogateescape")[:_SHOWN_BYTES].decode(errors="ignore")
