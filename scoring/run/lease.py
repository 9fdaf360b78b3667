"""Who writes to a run folder: a lease file with a heartbeat, so that a second driver knows of the first.

A driver that finds a lease refuses if its holder lives, and takes over if it is gone: at once if it was a process of
this machine that has ended, else when its heartbeat has stood still for `STALE_S`. Should two ever hold it in spite of
this (a network partition), no row is mixed or lost: shards are written whole and under one fingerprint. The lease is
created, kept and taken over by conditional writes, so that of two takers one wins.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from scoring.errors import RunFolderError, StorageError
from scoring.storage.conditional import read_version, write_if
from scoring.storage.durable import storage_faults
from scoring.storage.locations import Location
from scoring.storage.urls import Version

BEAT_S = 5.0
STALE_S = 30.0


@dataclass(frozen=True)
class Holder:
    """Who holds a lease.

    Attributes:
        host: Its machine.
        pid: Its process there.
        since: When it began, ISO 8601 in UTC.
        token: Tells two holders apart.
        beat: Counts up with every heartbeat.
    """

    host: str
    pid: int
    since: str
    token: str
    beat: int = 0


@contextmanager
def hold_lease(path: Location) -> Iterator[None]:
    """Hold the lease at `path` while the block runs.

    Raises:
        RunFolderError: If another living driver holds it; it is named.
    """
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = Holder(socket.gethostname(), os.getpid(), since, secrets.token_hex(8))
    _acquire(path, holder)
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(path, holder, ended), name="lease", daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
        with suppress(OSError):  # a disk that became read-only: the lease is known to be ours, and we to be gone
            current = _read(path)
            if current is not None and current.token == holder.token:
                path.unlink(missing_ok=True)


def _acquire(path: Location, holder: Holder) -> None:
    while not _create(path, holder):
        other = _read(path)
        if other is not None and other.token == holder.token:  # the answer to our first PUT was lost, and it repeated
            return
        if other is None or _is_gone(path, other):
            if _take(path, other, holder):
                return
            continue
        raise RunFolderError(
            f"{path.parent} is being written by process {other.pid} on {other.host} since {other.since}. "
            "Wait for it, stop it, or choose another `output`."
        )


def _create(path: Location, holder: Holder) -> bool:
    with storage_faults(path):
        return write_if(path, None, _to_bytes(holder))


def _take(path: Location, gone: Holder | None, holder: Holder) -> bool:
    """Replace the lease of a holder that is gone, unless another has done so."""
    found = _read_version(path)
    if found is None or found[0] != gone:
        return False
    with storage_faults(path):
        return write_if(path, found[1], _to_bytes(holder))


def _to_bytes(holder: Holder) -> bytes:
    return json.dumps(asdict(holder)).encode()


def _read_version(path: Location) -> tuple[Holder | None, Version] | None:
    """The holder, None if the lease is damaged, and its version; None if there is no lease."""
    try:
        content, version = read_version(path)
    except FileNotFoundError:
        return None
    try:
        return Holder(**json.loads(content)), version
    except (ValueError, TypeError):
        return None, version


def _read(path: Location) -> Holder | None:
    """The lease's holder; None if there is no lease, or no whole one after a moment."""
    for _ in range(10):
        try:
            return Holder(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):  # just being written
            time.sleep(0.05)
    return None


def _is_gone(path: Location, holder: Holder) -> bool:
    """Whether the holder has ended, by its process if it is of this machine, else by its heartbeat."""
    if holder.host == socket.gethostname() and not _is_alive(holder.pid):
        return True
    watched_since = time.monotonic()
    while time.monotonic() - watched_since < STALE_S:
        time.sleep(min(1.0, BEAT_S / 2))
        current = _read(path)
        if current is None:
            return True
        if (current.token, current.beat) != (holder.token, holder.beat):
            return False
    return True


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _beat(path: Location, holder: Holder, ended: threading.Event) -> None:
    is_ours = True
    while is_ours and not ended.wait(BEAT_S):
        holder = replace(holder, beat=holder.beat + 1)
        with suppress(StorageError):  # a full disk stops no heart: others go by what they can see
            is_ours = _beat_once(path, holder)


def _beat_once(path: Location, holder: Holder) -> bool:
    """Write the heartbeat if the lease is still ours; return whether it is."""
    found = _read_version(path)
    if found is None or found[0] is None or found[0].token != holder.token:
        return False
    with storage_faults(path):
        write_if(path, found[1], _to_bytes(holder))
    return True
