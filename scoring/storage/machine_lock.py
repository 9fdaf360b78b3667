"""A lock that one process of this machine holds at a time, and that ends with it, however it ends."""

import errno
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_MODE = 0o666  # whoever may write into a folder that users share may lock there
# What file systems answer that have no locks: Lustre without `-o flock`, NFS without its daemon.
_HAS_NONE = frozenset({errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Wait until no other process or thread holds this file, and hold it; it is made, and stays.

    Where its file system has no locks, a file among the machine's temporary ones is held in its place.

    Raises:
        OSError: If it cannot be opened, or neither can be locked.
    """
    try:
        descriptor = _lock(path)
    except OSError as error:
        if error.errno not in _HAS_NONE:
            raise
        digest = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()
        descriptor = _lock(Path(tempfile.gettempdir()) / f"shardscore-{os.getuid()}-{digest[:16]}.lock")
    try:
        yield
    finally:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child that was forked meanwhile has it open too
        os.close(descriptor)


def _lock(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, _MODE)
        try:
            with suppress(OSError):  # another user's, or on a disk without modes
                os.fchmod(descriptor, _MODE)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # somebody removed it while it was waited for
