"""Where a local Ray keeps its own files: some places let it wait for half a minute for what cannot start."""

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import ray

from cluster.errors import SessionError

ADVICE = (
    "Ray keeps its own files in the folder that RAY_TMPDIR names, or else TMPDIR, or in /tmp: set RAY_TMPDIR to one of "
    "a short path that this user may write to."
)
_VARIABLES = ("RAY_TMPDIR", "TMPDIR")
_LEAST_BYTES = 256 * 1024
_LEAST_FILES = 64  # Ray 2.60 makes 54 files and folders on two cores
_FULL = (errno.ENOSPC, errno.EDQUOT)


def check_usable() -> None:
    """Let Ray start only where its sockets and files can be; what else is amiss there, Ray says at once itself.

    Raises:
        SessionError: If the path is relative or has other letters than ASCII's, or the disk is full or takes no more
            files.
    """
    variable = next((name for name in _VARIABLES if name in os.environ), None)
    folder = os.environ[variable] if variable else "/tmp"
    if not (Path(folder).is_absolute() and folder.isascii()):
        raise SessionError(
            f"Expected {variable} to be an absolute path of ASCII letters; received {folder!r}. {ADVICE}"
        )
    try:
        with tempfile.TemporaryDirectory(dir=folder) as tried:
            Path(tried, "room").write_bytes(bytes(_LEAST_BYTES))
            for number in range(_LEAST_FILES):
                Path(tried, str(number)).touch()
    except OSError as error:
        if error.errno in _FULL:
            raise SessionError(
                f"Expected room for {_LEAST_FILES} files and {_LEAST_BYTES // 1024} KB in {folder}, which is "
                f"{variable or 'the default'}: {error.strerror}. {ADVICE}"
            ) from error


def close_to_others() -> None:
    """Let no other user into the folder of the Ray that has just started here, which Ray opens to all for writing.

    A disk that keeps no modes leaves it as it is.
    """
    ours = ray.get_runtime_context()
    with suppress(OSError):
        Path(ours.get_temp_dir(), ours.get_session_name()).chmod(0o700)
