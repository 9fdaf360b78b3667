"""Who writes to a run folder: a lease file with a heartbeat, so that a second driver knows of the first.

A driver that finds a lease refuses if its holder lives, and takes over if it is gone: at once if it was a process of
this machine that has ended, else when its heartbeat has stood still for `STALE_S`. The lease is created, kept and taken
over by conditional writes, so that of several takers one wins. A holder that was only frozen, or cut off, finds that it
has lost the lease before it writes anything more; see `scoring.run.fence`.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime

from scoring.errors import BucketError, RunFolderError
from scoring.process.own_place import boot_id, pid_namespace
from scoring.run.fence import Fence, lease_lost
from scoring.run.holder import Holder, read_holder
from scoring.storage.conditional import remove_if, write_if
from scoring.storage.durable import make_folder, storage_faults
from scoring.storage.locations import Location
from scoring.storage.urls import Version

BEAT_S = 5.0  # between heartbeats
STALE_S = 30.0  # without a heartbeat a holder is taken to be gone
# A damaged lease may be one that 0.1.0 is just writing.
_LOOKS_AT_DAMAGE, _LOOK_AGAIN_S = 10, 0.05


class Lease:
    """A lease that this process holds, as of its last heartbeat.

    Attributes:
        fence: What every writer checks before it writes.
    """

    def __init__(self, path: Location, holder: Holder) -> None:
        self.fence = Fence(path.absolute(), holder.token, holder.epoch)
        self._path = path
        self._holder = holder
        self._ended = threading.Event()
        self._is_lost = False
        self._heart = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._heart.start()

    def check_heartbeat(self) -> None:
        """Let only a holder go on, by what its last heartbeat found; it reads nothing. Before a write, check the fence.

        Raises:
            LeaseLostError: If another driver took over.
        """
        if self._is_lost:
            self.fence.check()
            raise lease_lost(self._path, None)

    def release(self) -> bool:
        """Stop the heartbeat and remove the lease; return whether it was still ours."""
        self._ended.set()
        self._heart.join()
        return _remove(self._path, self._holder.token)

    def _beat(self) -> None:
        while not self._is_lost and not self._ended.wait(BEAT_S):
            self._holder = replace(self._holder, beat=self._holder.beat + 1)
            with suppress(Exception):  # a full disk or memory does not end the heartbeat: it tries again
                self._is_lost = not self._beat_once()

    def _beat_once(self) -> bool:
        """Write the heartbeat if the lease is still ours; return whether it is."""
        found = read_holder(self._path)
        if found is None or found[0] is None or found[0].token != self._holder.token:
            return False
        write_if(self._path, found[1], self._holder.to_bytes())
        return True


@contextmanager
def hold_lease(path: Location) -> Iterator[Lease]:
    """Hold the lease at `path` while the block runs.

    Raises:
        RunFolderError: If another living driver holds it; it is named.
        StorageError: If it cannot be written.
    """
    since = datetime.now(UTC).isoformat(timespec="seconds")
    holder = Holder(
        host=socket.gethostname(),
        pid=os.getpid(),
        since=since,
        token=secrets.token_hex(8),
        boot_id=boot_id(),
        pid_namespace=pid_namespace(),
    )
    lease = None
    try:
        with storage_faults(path):
            holder = _acquire(path, holder)
        lease = Lease(path, holder)
        yield lease
    finally:
        if lease:
            lease.release()
        else:  # a signal may have come when it was written, and nobody told yet
            _remove(path, holder.token)


def find_holder(path: Location) -> Holder | None:
    """Who writes to a folder, by what a driver that wants its lease goes by; it is not taken.

    A holder that lives is told by its next heartbeat, after `BEAT_S` or a second more; one of another machine that is
    gone, after `STALE_S`.

    Returns:
        The holder; None if there is none, it is gone, or the lease cannot be read.

    Raises:
        BucketError: If its bucket cannot be reached.
    """
    try:
        holder = _read(path)
        return holder if holder and not _is_gone(path, holder) else None
    except BucketError:
        raise
    except OSError:  # another user's
        return None


def _remove(path: Location, token: str) -> bool:
    """Remove the lease if it has this token; return whether it had."""
    with suppress(OSError):  # a disk that became read-only: others see that the heartbeat has stopped
        found = read_holder(path)
        if found and found[0] and found[0].token == token:
            return remove_if(path, found[1])
    return False


def _acquire(path: Location, holder: Holder) -> Holder:
    """Create the lease, or take it over from a holder that is gone; return ourselves as its holder, in our epoch."""
    while not _write(path, None, holder):
        other = _read(path)
        if other is not None and other.token == holder.token:  # the answer to our first PUT was lost, and it repeated
            return holder
        if other is not None and not _is_gone(path, other):
            raise _in_use(path, other)
        successor = replace(holder, epoch=other.epoch + 1 if other else 1)
        if _take(path, other, successor):
            return successor
        if other is not None and _read(path) == other:  # it was frozen in the middle of a heartbeat, and locks the file
            raise _in_use(path, other)
    return holder


def _in_use(path: Location, holder: Holder) -> RunFolderError:
    return RunFolderError(
        f"{path.parent} is being written by {holder}. Wait for it, stop it, or choose another `output`."
    )


def _take(path: Location, gone: Holder | None, holder: Holder) -> bool:
    """Replace the lease of a holder that is gone, unless another has done so."""
    found = read_holder(path)
    return found is not None and found[0] == gone and _write(path, found[1], holder)


def _write(path: Location, version: Version | None, holder: Holder) -> bool:
    try:
        return write_if(path, version, holder.to_bytes())
    except FileNotFoundError:  # another driver has cleaned up what killed ones leave, or the folder, empty until now
        make_folder(path.parent)
        if not path.parent.is_dir():  # there is no such bucket
            raise
        return False


def _read(path: Location) -> Holder | None:
    """The lease's holder; None if there is no lease, or no whole one after a moment."""
    for _ in range(_LOOKS_AT_DAMAGE):
        found = read_holder(path)
        if found is None or found[0] is not None:
            return found[0] if found else None
        time.sleep(_LOOK_AGAIN_S)
    return None


def _is_gone(path: Location, holder: Holder) -> bool:
    """Whether the holder has ended, by its process if it is of this machine, else by its heartbeat."""
    if holder.has_ended():
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
