"""What hubs have in common: which of a model's files is taken, and what a hub's fault means."""

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from scoring.errors import DownloadError, ModelError
from scoring.storage.downloads import cache_folder, is_kept, one_at_a_time
from scoring.storage.durable import whole_file

# Keras saves a model to a hub as the files of a `.keras` archive, unpacked; this one stands for all of them.
UNPACKED = "config.json"
_UNPACKED_FILES = (UNPACKED, "metadata.json", "model.weights.h5")
_SHOWN = 6


@dataclass(frozen=True)
class HubModel:
    """A model that was fetched.

    Attributes:
        path: A `.keras` file of this machine.
        pinned: The name with its version and its file: the same model for every worker and every later run.
    """

    path: Path
    pinned: str


def choose_file(files: Iterable[str], name: str) -> str:
    """The model among a repository's files: the only `.keras` file, or `config.json` for a model saved unpacked.

    Raises:
        ModelError: If there is none, or if there are several.
    """
    found = sorted(files)
    models = [file for file in found if file.endswith(".keras")]
    if len(models) == 1:
        return models[0]
    if models:
        raise ModelError(f"Expected one .keras file in {name}; found {_shown(models)}. Name one: {name}/{models[0]}.")
    if set(_UNPACKED_FILES) <= set(found):
        return UNPACKED
    raise ModelError(f"Expected a .keras file in {name}, or a model that Keras saved there; found {_shown(found)}.")


def pack(pinned: str, fetch: Callable[[str], Path]) -> Path:
    """A `.keras` archive in this machine's cache of a model that was saved unpacked.

    Args:
        pinned: Identifies it.
        fetch: Gives the path of one of its files.
    """
    path = _place(pinned) / "model.keras"
    if is_kept(path):
        return path
    with one_at_a_time(path):
        if not path.exists():
            with whole_file(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
                for file in _UNPACKED_FILES:
                    archive.write(fetch(file), file)
    return path


def fetched_by_one(name: str) -> AbstractContextManager[None]:
    """Held by the process of this machine that fetches a model."""
    return one_at_a_time(_place(name))


def _place(name: str) -> Path:
    return cache_folder() / "shardscore" / "hubs" / _short_digest(name)


def not_readable(name: str, token: str, error: Exception) -> ModelError:
    """The error for a model that is not there, or that this user may not read."""
    return ModelError(
        f"Expected {name} to be a model that is there and that the token in {token} may read: {_first_line(error)}"
    )


def not_reached(name: str, error: Exception) -> DownloadError:
    """The error for a hub that does not answer, or not as it should."""
    return DownloadError(f"Cannot download {name}: {type(error).__name__}: {_first_line(error)}")


def _short_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _first_line(error: Exception) -> str:
    lines = [" ".join(line.split()) for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300]


def _shown(files: Sequence[str]) -> str:
    return ", ".join(files[:_SHOWN]) + (", ..." if len(files) > _SHOWN else "") if files else "nothing"
