"""Keep a driver that has lost its lease from writing: before each write, and by the write itself where it replaces."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from scoring.errors import LeaseLostError, StorageError
from scoring.run.holder import Holder, read_holder
from scoring.storage.conditional import read_version, write_if
from scoring.storage.durable import publishing_after, storage_faults
from scoring.storage.locations import Location
from scoring.storage.retrying import patiently
from scoring.storage.urls import Version

_ATTEMPTS = 3  # to replace a file that somebody else has written meanwhile


@dataclass(frozen=True)
class Fence:
    """What tells a process whether its driver still holds the lease; travels to workers.

    Attributes:
        lease: Where the lease lies, as an absolute path or a URL.
        token: The driver's; see `Holder`.
        epoch: Which driver of the folder this is, 1 for the first, as far as leases tell.
    """

    lease: Location
    token: str
    epoch: int

    def check(self) -> None:
        """Let only the holder of the lease go on.

        Raises:
            LeaseLostError: If another driver took over.
            StorageError: If the lease cannot be read.
        """
        try:
            found = patiently()(read_holder, self.lease)
        except StorageError:
            raise
        except OSError as error:
            raise StorageError(f"Cannot read {self.lease}: {error.strerror or error}.") from error
        holder = found[0] if found else None
        if holder is None or holder.token != self.token:
            raise lease_lost(self.lease, holder)


@contextmanager
def under_fence(fence: Fence | None) -> Iterator[None]:
    """Let only the holder of the lease begin the block, and publish whole files in it; None checks nothing.

    Raises:
        LeaseLostError: If another driver took over.
        StorageError: If the lease cannot be read.
    """
    if fence is None:
        yield
        return
    fence.check()
    with publishing_after(fence.check):
        yield


def lease_lost(lease: Location, holder: Holder | None) -> LeaseLostError:
    """What to raise; `holder` has the lease now, None if nobody has."""
    who = str(holder) if holder else "or somebody removed its lease"
    return LeaseLostError(f"Stopped: another driver took over {lease.parent}, {who}. This one writes nothing more.")


class FencedFile:
    """A small file that the holder of a lease writes again and again.

    It is replaced only if it still is as this process left it. So a driver that was frozen between its look at the
    lease and its write cannot write any more. A driver that holds the lease writes again where another has written.

    Args:
        path: The file.
        fence: The holder's.

    Attributes:
        was_there: Whether there was such a file when this was made.
    """

    def __init__(self, path: Location, fence: Fence) -> None:
        self._path = path
        self._fence = fence
        with storage_faults(path):
            self._version = _present(path)[1]
        self.was_there = self._version is not None

    def write(self, content: bytes) -> None:
        """Write the file whole.

        Raises:
            LeaseLostError: If another driver took over.
            StorageError: If it cannot be written.
        """
        with storage_faults(self._path):
            for _ in range(_ATTEMPTS):
                self._fence.check()
                is_written = write_if(self._path, self._version, content)
                standing, self._version = _present(self._path)
                if is_written and standing == content:  # a store may answer well and not have it
                    return
        raise StorageError(
            f"Cannot write {self._path}: another process keeps it from being replaced, or its store keeps nothing."
        )


def _present(path: Location) -> tuple[bytes, Version] | tuple[None, None]:
    try:
        return read_version(path)
    except FileNotFoundError:
        return None, None
