"""Folders of ours that hold no run of images, where one is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from scoring.errors import RunFolderError
from scoring.run.folder import RunFolder
from scoring.storage.durable import read_faults
from scoring.storage.redaction import command_line

if TYPE_CHECKING:
    from scoring.models.model_folder import ModelFolder

_OF_UNFINISHED = (
    "That has not finished, or its training.json is damaged. Run the same finetune command again, unless it is "
    "running; `shardscore status {features}` tells of the features of its photos."
)


@contextmanager
def telling_others(folder: RunFolder, of_model: str) -> Iterator[None]:
    """Where a block finds no run in a folder, say what the folder is; see `refuse_others`."""
    try:
        yield
    except RunFolderError:
        refuse_others(folder, of_model)
        raise


def refuse_others(folder: RunFolder, of_model: str) -> None:
    """Say what a folder without a run is, if it is one of ours.

    Args:
        folder: The folder.
        of_model: What to do with the folder of a finished model; `{model}` stands for it, `{features}` for theirs, as a
            shell takes them.

    Raises:
        RunFolderError: If it is.
        StorageError: If that cannot be told now.
    """
    _refuse_sonar_alone(folder)
    _refuse_model(folder, of_model)


def _refuse_sonar_alone(folder: RunFolder) -> None:
    from scoring.sonar.metrics_file import METRICS_NAME  # a run of images has no need of it

    with read_faults(folder.path):
        has_sonar = any((place / METRICS_NAME).is_file() for place in (folder.path, folder.sonar))
        is_run = folder.record.is_file() or folder.manifest.is_file() or bool(folder.shard_names())
        if has_sonar and not is_run:
            raise RunFolderError(
                f"Expected a run of images; {folder.path} holds sonar results alone, of which `shardscore report` "
                "tells."
            )


def _refuse_model(folder: RunFolder, of_model: str) -> None:
    from scoring.models.model_folder import ModelFolder  # nor of it

    model = ModelFolder(folder.path)
    with read_faults(folder.path):
        if model.is_ours and not folder.record.is_file():
            advice = of_model if _is_finished(model) else _OF_UNFINISHED
            places = {"model": command_line([str(folder.path)]), "features": command_line([str(model.features.path)])}
            raise RunFolderError(
                f"Expected a run folder; {folder.path} is a model folder of `shardscore finetune`. "
                f"{advice.format(**places)}"
            )


def _is_finished(model: "ModelFolder") -> bool:
    from scoring.models.training_record import load_training_record

    try:
        load_training_record(model)
    except RunFolderError:
        return False
    return True
