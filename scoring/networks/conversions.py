"""Networks in other libraries' formats: converted by the first process on a machine that needs them, and kept."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scoring.networks.last_activation import last_activation
from scoring.storage.downloads import cache_folder, file_digest, one_at_a_time
from scoring.storage.durable import scratch_beside, storage_faults, sync

if TYPE_CHECKING:
    import keras

_CHECKSUMS = "SHA256SUMS"
# Stands beside a converted network, whose format does not tell what it computes last.
_LAST_ACTIVATION = "last_activation.txt"


def conversion_folder(digest: str, library: str) -> Path:
    """Where a network is kept on this machine.

    Args:
        digest: The network's digest.
        library: The library that it is converted for, with its version.
    """
    return cache_folder() / "shardscore" / digest.replace(":", "-") / library


@contextmanager
def made_once(folder: Path) -> Iterator[Path | None]:
    """Yield a temporary folder that becomes `folder`, or None if it is there and whole; one process at a time.

    A folder whose files are not those that were written, or of an earlier version, which kept no checksums, is removed.

    Raises:
        StorageError: If its files cannot be written to the disk.
    """
    if is_whole(folder):  # read before anything is locked, so that the workers of a machine read at once
        yield None
        return
    with one_at_a_time(folder):
        if is_whole(folder):
            yield None
            return
        shutil.rmtree(folder, ignore_errors=True)
        with scratch_beside(folder) as temporary:
            temporary.mkdir()
            yield temporary
            with storage_faults(folder):
                _seal(temporary)
                temporary.replace(folder)
                sync(folder.parent)


def _seal(folder: Path) -> None:
    """Write the checksums of a folder's files beside them, and all of it to the disk."""
    (folder / _CHECKSUMS).write_text(_checksums(folder), encoding="utf-8")
    for path in _files(folder):
        sync(path)
    sync(folder)


def is_whole(folder: Path) -> bool:
    """Whether a folder holds the files that were written, to the bit."""
    try:
        return (folder / _CHECKSUMS).read_bytes() == _checksums(folder).encode()
    except OSError:  # there is none, or it cannot be read
        return False


def _checksums(folder: Path) -> str:
    """SHA-256 and name of each file, as `sha256sum` writes and checks them."""
    return "".join(f"{file_digest(path)}  {path.name}\n" for path in _files(folder) if path.name != _CHECKSUMS)


def _files(folder: Path) -> list[Path]:
    """All but locks, and folders, which have checksums of their own."""
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def note_last_activation(model: "keras.Model", folder: Path) -> None:
    """Write what a network computes last beside its conversion."""
    (folder / _LAST_ACTIVATION).write_text(last_activation(model), encoding="utf-8")


def noted_last_activation(folder: Path) -> str:
    """What a converted network computes last."""
    return (folder / _LAST_ACTIVATION).read_text(encoding="utf-8")
