"""Whether the files of a model folder are those that its `training.json` tells of; storage may have kept nothing."""

import hashlib
import json
from collections.abc import Callable
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.errors import ScoringError, StorageError
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import TrainingRecord, save_training_record, stored_text
from scoring.networks.keras_files import read_keras_digest
from scoring.networks.precision import Precision
from scoring.storage.durable import read_faults, read_patiently
from scoring.storage.locations import Location


def finish_model(folder: ModelFolder, record: TrainingRecord) -> None:
    """Write `training.json`, when all else that it tells of has been read again, and then read that again too.

    Raises:
        StorageError: If one of them does not hold what was written, or cannot be read now.
    """
    if lost := _find_unlike(folder, record):
        raise _lost(lost)
    save_training_record(folder, record)
    if _read(folder.training, partial(folder.training.read_text, encoding="utf-8")) != stored_text(record):
        raise _lost(folder.training)


def is_whole(folder: ModelFolder, record: TrainingRecord) -> bool:
    """Whether a folder holds all files of the model of which its record tells.

    Those of which an earlier version kept no digest have to be there, and as their kind is.

    Raises:
        StorageError: If one cannot be read now.
    """
    is_measured = record.agreement is not None or record.precision != Precision.INT8 or record.network is None
    return is_measured and not _find_unlike(folder, record, is_earlier=True)


def _find_unlike(folder: ModelFolder, record: TrainingRecord, is_earlier: bool = False) -> Location | None:
    """The first file of a model that does not hold what its record tells; None if all do.

    Args:
        folder: Where it lies.
        record: What tells of it.
        is_earlier: Whether an earlier version may have written the record, so that digests may be missing.

    Raises:
        StorageError: If one cannot be read now.
    """
    network = folder.head_network if record.head_only else folder.network
    looks: list[tuple[Location, Callable[[], object], object]] = [
        (network, lambda: read_keras_digest(network), record.network),
        (folder.validation, partial(_table_digest, folder.validation), record.validation),
        (folder.labels, partial(_labels, folder), list(record.labels)),
    ]
    for place, look, told in looks:
        found = _read(place, look)
        if found is None or (found != told and not (told is None and is_earlier)):
            return place
    return None


def _table_digest(place: Location) -> str:
    content = place.read_bytes()
    pq.ParquetFile(pa.BufferReader(content)).close()
    return hashlib.sha256(content).hexdigest()


def has_other_labels(folder: ModelFolder, record: TrainingRecord) -> bool:
    """Whether `labels.json` is there and tells other labels than the model was trained on; without it, none are told.

    Raises:
        StorageError: If it cannot be read now.
    """
    with read_faults(folder.labels):
        return folder.labels.is_file() and _read(folder.labels, partial(_labels, folder)) != list(record.labels)


def _labels(folder: ModelFolder) -> object:
    return json.loads(folder.labels.read_text(encoding="utf-8"))


def _read(place: Location, look: Callable[[], object]) -> object:
    """What a look at a file tells; None if it is not there, or damaged."""
    try:
        return read_patiently(place, look)
    except StorageError:
        raise
    except (OSError, ScoringError, ValueError, RecursionError):
        return None


def _lost(place: Location) -> StorageError:
    return StorageError(
        f"Expected to read from {place} what was written there; its storage has lost it without an error. Run the "
        "same finetune command again, or choose another `output`."
    )
