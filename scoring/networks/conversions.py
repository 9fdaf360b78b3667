"""Networks in other libraries' formats: converted by the first process on a machine that needs them, and kept."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from scoring.storage.downloads import cache_folder


def conversion_folder(digest: str, library: str) -> Path:
    """Where a network is kept on this machine.

    Args:
        digest: The network's digest.
        library: The library that it is converted for, with its version.
    """
    return cache_folder() / "shardscore" / digest.replace(":", "-") / library


@contextmanager
def made_once(folder: Path) -> Iterator[Path | None]:
    """Yield a temporary folder that becomes `folder`, or None if it is there; one process at a time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if folder.exists():
            yield None
            return
        temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
        try:
            temporary.mkdir()
            yield temporary
            temporary.replace(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
