"""Files that are whole or absent: written out of sight, synced to disk, then renamed."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TEMPORARY_SUFFIX = ".tmp"


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; publish it as `path` if the block ends without an exception.

    The temporary file keeps its final name (Keras goes by the suffix) inside a hidden folder of its own beside
    `path`: readers of `*.parquet` never see it, two writers never share it, and the rename stays on one file
    system, so it is atomic. File and folder are synced: once this returns, a power cut keeps the file.
    """
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_TEMPORARY_SUFFIX}")
    hidden.mkdir()
    try:
        temporary = hidden / path.name
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text so that `path` is never seen half-written."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def remove_temporaries(folder: Path) -> None:
    """Remove what killed writers left behind in `folder`."""
    for leftover in folder.glob(f".*{_TEMPORARY_SUFFIX}"):
        shutil.rmtree(leftover, ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
