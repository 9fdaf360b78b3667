"""Limits of this process under which a local Ray does not start: it is waited for half a minute, and names no cause."""

import resource

from cluster.errors import SessionError

_LEAST_OPEN_FILES = 64  # Ray 2.60's raylet has 58 on two cores; with 46 to 58 it does not start, crashes or hangs


def check_sufficient(object_store_bytes: int) -> None:
    """Let Ray start only where its processes may open the files that they need, and make one for the object store.

    Raises:
        SessionError: If they may not.
    """
    _, open_files = resource.getrlimit(resource.RLIMIT_NOFILE)  # Ray raises its own limit to the hard one
    if open_files != resource.RLIM_INFINITY and open_files < _LEAST_OPEN_FILES:
        raise SessionError(
            f"Expected at least {_LEAST_OPEN_FILES} open files to be allowed, which a local Ray needs; the limit is "
            f"{open_files}. Raise it: ulimit -Hn shows it."
        )
    file_bytes, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if file_bytes != resource.RLIM_INFINITY and file_bytes <= object_store_bytes:
        raise SessionError(
            f"Expected files of more than {object_store_bytes // 1024:,} KB to be allowed, which a local Ray needs; "
            f"the limit is {file_bytes // 1024:,} KB. Raise it: ulimit -f unlimited."
        )
