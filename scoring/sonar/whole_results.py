"""Whether the files beside a `metrics.json` are there, and are those that it tells of."""

import hashlib
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.errors import BucketError, RunFolderError, StorageError
from scoring.sonar.ensemble import OUTPUT_LAYER
from scoring.sonar.metrics_file import (
    METRICS_NAME,
    SonarMetrics,
    StudyRecord,
    load_metrics,
    refuse_foreign_metrics,
)
from scoring.storage.durable import read_faults, read_patiently
from scoring.storage.locations import Location, readable

PREDICTIONS_NAME = "predictions.parquet"
MODEL_NAME = "model.keras"
_COLUMNS = {"row", "target", "label", "mine_probability"}  # of every table of predictions

# What pyarrow and zipfile raise at bytes that are not what they should be.
_DAMAGE = (pa.ArrowException, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, LookupError, ValueError)


def refuse_foreign_files(folder: Location, with_model: bool = True) -> None:
    """Refuse to replace files by the names of sonar's that neither `score` nor `sonar` wrote.

    A command that was killed leaves files without a `metrics.json`: they are known by what they hold. One that is
    damaged is replaced only where `metrics.json` tells of such a file.

    Args:
        folder: Where sonar results are to be written, or removed.
        with_model: Whether the model is to be replaced too.

    Raises:
        RunFolderError: If one is another program's, or cannot be looked at; it is named.
        StorageError: If one cannot be read now.
    """
    refuse_foreign_metrics(folder / METRICS_NAME)
    told = _told_names(folder / METRICS_NAME)
    for name in (PREDICTIONS_NAME, MODEL_NAME) if with_model else (PREDICTIONS_NAME,):
        path = folder / name
        try:
            is_ours = read_patiently(path, partial(_is_ours, path)) if path.is_file() else True
        except StorageError:
            raise
        except _DAMAGE:
            is_ours = name in told
        if not is_ours:
            raise RunFolderError(
                f"Expected `output` to be a new folder or earlier sonar results; neither score nor sonar wrote {path}. "
                "Move it away, or choose another folder."
            )


def trained_model(place: Path) -> Path:
    """The model in a `sonar/`, or in the folder around it; what is no such folder as it is."""
    with read_faults(place):
        return next((path for path in (place / MODEL_NAME, place / "sonar" / MODEL_NAME) if path.is_file()), place)


def _told_names(path: Location) -> tuple[str, ...]:
    """The files that a `metrics.json` tells of; both, where it is damaged."""
    try:
        found = load_metrics(path)
    except RunFolderError:
        return PREDICTIONS_NAME, MODEL_NAME
    if found is None:
        return ()
    was_trained = isinstance(found, StudyRecord) or found.model is None
    return (PREDICTIONS_NAME, MODEL_NAME) if was_trained else (PREDICTIONS_NAME,)


def _is_ours(path: Location) -> bool:
    """Whether predictions have the columns that all of ours have, or a model the layer."""
    if path.name == MODEL_NAME:
        with zipfile.ZipFile(readable(path)) as archive:
            return f'"{OUTPUT_LAYER}"'.encode() in archive.read("config.json")
    with pq.ParquetFile(readable(path)) as table:
        return set(table.schema_arrow.names) >= _COLUMNS


def refuse_foreign_results(folder: Location) -> None:
    """Refuse to remove a folder of sonar results that holds anything else.

    Raises:
        RunFolderError: If it does, or cannot be listed; what it holds is named.
        BucketError: If its bucket cannot be reached.
    """
    try:
        names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    except BucketError:
        raise
    except OSError as error:
        raise RunFolderError(f"Expected a readable {folder}; {error.strerror or error}.") from error
    strangers = sorted(name for name in names - {METRICS_NAME, PREDICTIONS_NAME, MODEL_NAME} if name[0] != ".")
    if strangers:
        raise RunFolderError(
            f"Expected nothing but sonar results in {folder}; it holds {strangers[0]}. Move that away."
        )
    refuse_foreign_files(folder)


def are_whole(folder: Location, told: SonarMetrics | StudyRecord, with_model: bool) -> bool:
    """Compare predictions and, if one was trained, the model with what `metrics.json` tells of them.

    Where an earlier version wrote it, which tells no digest, they are read to their ends.

    Raises:
        BucketError: If the bucket cannot be reached.
    """
    names = (PREDICTIONS_NAME, MODEL_NAME) if with_model else (PREDICTIONS_NAME,)
    if not all((folder / name).is_file() for name in names):
        return False
    try:
        is_whole = _is_whole(folder / PREDICTIONS_NAME, told.predictions_sha256, _read_table)
        return is_whole and (not with_model or _is_whole(folder / MODEL_NAME, told.trained_sha256, _read_archive))
    except BucketError:
        raise
    except _DAMAGE:
        return False


def _is_whole(path: Location, digest: str | None, read: Callable[[Location], None]) -> bool:
    if digest is None:
        read(path)
        return True
    return hashlib.sha256(path.read_bytes()).hexdigest() == digest


def _read_table(path: Location) -> None:
    with pq.ParquetFile(readable(path)) as table:
        table.read()


def _read_archive(path: Location) -> None:
    with zipfile.ZipFile(readable(path)) as archive:
        if damaged := archive.testzip():
            raise zipfile.BadZipFile(damaged)
