"""Where a local Ray keeps its own files: some places let it wait for half a minute for what cannot start."""

import errno
import os
import tempfile
from pathlib import Path

from cluster.errors import SessionError

ADVICE = (
    "Ray keeps its own files in the folder that RAY_TMPDIR names, or else TMPDIR, or in /tmp: set RAY_TMPDIR to one of "
    "a short path that this user may write to."
)
_VARIABLES = ("RAY_TMPDIR", "TMPDIR")
_LEAST_BYTES = 256 * 1024
_FULL = (errno.ENOSPC, errno.EDQUOT)


def check_usable() -> None:
    """Let Ray start only where its sockets and files can be; what else is amiss there, Ray says at once itself.

    Raises:
        SessionError: If the path is relative or has other letters than ASCII's, or the disk is full.
    """
    variable = next((name for name in _VARIABLES if name in os.environ), None)
    folder = os.environ[variable] if variable else "/tmp"
    if not (Path(folder).is_absolute() and folder.isascii()):
        raise SessionError(
            f"Expected {variable} to be an absolute path of ASCII letters; received {folder!r}. {ADVICE}"
        )
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_LEAST_BYTES))
    except OSError as error:
        if error.errno in _FULL:
            raise SessionError(
                f"Expected room for {_LEAST_BYTES // 1024} KB in {folder}, which is {variable or 'the default'}: "
                f"{error.strerror}. {ADVICE}"
            ) from error
