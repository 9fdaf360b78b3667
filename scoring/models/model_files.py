"""Whether the files of a model folder are those that its `training.json` tells of; storage may have kept nothing."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from scoring.errors import RunFolderError, ScoringError, StorageError
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import TrainingRecord, load_training_record, save_training_record, stored_text
from scoring.networks.keras_files import read_keras_digest
from scoring.networks.precision import Precision
from scoring.storage.durable import read_faults, read_patiently
from scoring.storage.locations import Location

_OF_FILES = ("created_at", "network", "validation", "agreement")  # known when they have been written


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


def is_finished(folder: ModelFolder, record: TrainingRecord) -> bool:
    """Whether a folder holds a model whole, with all its files, of which just this is told, to the last digit.

    Args:
        folder: Where it would be.
        record: What is known before it is put together: when that was, and how its files came out, may be otherwise.

    Raises:
        StorageError: If something cannot be read now.
    """
    try:
        found = load_training_record(folder)
    except RunFolderError:
        return False
    if found.agreement is None and record.precision == Precision.INT8:
        return False
    of_files = {name: getattr(found, name) for name in _OF_FILES}
    return stored_text(replace(record, **of_files)) == stored_text(found) and not _find_unlike(folder, found)


def _find_unlike(folder: ModelFolder, record: TrainingRecord) -> Location | None:
    """The first file of a model that does not hold what its record tells; None if all do.

    Raises:
        StorageError: If one cannot be read now.
    """
    network = folder.head_network if record.head_only else folder.network
    looks: list[tuple[Location, Callable[[], object], object]] = [
        (network, lambda: read_keras_digest(network), record.network),
        (folder.validation, lambda: hashlib.sha256(folder.validation.read_bytes()).hexdigest(), record.validation),
        (folder.labels, partial(_labels, folder), list(record.labels)),
    ]
    return next((place for place, look, told in looks if _read(place, look) != told or told is None), None)


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
