"""Ray's token for clusters of this machine, `~/.ray/auth_token`: it can be written there, and nobody else reads it."""

import os
from contextlib import suppress
from pathlib import Path

from cluster.errors import SessionError

_GIVEN_BY = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


def check_writable() -> None:
    """Let Ray start only where it can write its token, or finds one.

    Raises:
        SessionError: If the home folder is none, or not to be written to.
    """
    if os.environ.get("RAY_AUTH_MODE") != "token" or any(os.environ.get(name) for name in _GIVEN_BY):
        return
    file = _file()
    try:
        file.parent.mkdir(exist_ok=True)
        if not file.exists() and not os.access(file.parent, os.W_OK):
            raise PermissionError(None, "Permission denied")
    except OSError as error:
        raise SessionError(
            f"Expected a home folder where Ray can keep its token, in {file}; HOME is {os.environ.get('HOME')}: "
            f"{error.strerror}. Set HOME to a folder that this user may write to."
        ) from error


def tighten() -> None:
    """Let nobody else read the token: Ray leaves it readable by all."""
    with suppress(OSError):
        if _file().stat().st_mode & 0o077:
            _file().chmod(0o600)


def _file() -> Path:
    return Path.home() / ".ray" / "auth_token"
