"""Networks in other libraries' formats: converted by the first process on a machine that needs them, and kept."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scoring.networks.engines import Network
from scoring.networks.last_activation import last_activation
from scoring.storage.downloads import cache_folder, one_at_a_time

if TYPE_CHECKING:
    import keras

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
    """Yield a temporary folder that becomes `folder`, or None if it is there; one process at a time."""
    with one_at_a_time(folder):
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


def note_last_activation(model: "keras.Model", folder: Path) -> None:
    """Write what a network computes last beside its conversion."""
    temporary = folder / f".{_LAST_ACTIVATION}.{secrets.token_hex(4)}.tmp"
    temporary.write_text(last_activation(model), encoding="utf-8")
    temporary.replace(folder / _LAST_ACTIVATION)


def noted_last_activation(network: Network, folder: Path) -> str:
    """What a converted network computes last; one that an earlier version converted is built once more to tell."""
    if not (folder / _LAST_ACTIVATION).is_file():
        note_last_activation(network.build(), folder)
    return (folder / _LAST_ACTIVATION).read_text(encoding="utf-8")
