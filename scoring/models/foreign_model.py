"""Whether a place that `finetune` is to write into holds what others have left under the names of its files."""

from scoring.errors import BucketError, RunFolderError
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import TrainingRecord
from scoring.run.folder import RunFolder
from scoring.run.json_fields import is_foreign_json
from scoring.run.manifest import is_foreign_manifest
from scoring.run.record import RunRecord
from scoring.storage.locations import Location


def refuse_foreign_model(folder: ModelFolder) -> None:
    """Refuse a place where files lie by the names of a model folder's that no training wrote, or where a run lies.

    Raises:
        RunFolderError: If they do, or something is not to be read; it is named.
        StorageError: If something cannot be read now.
    """
    try:
        text = folder.training.read_bytes().decode("utf-8", "replace") if folder.training.is_file() else None
        others = () if text is not None or folder.has_begun else folder.results
        found = [place for place in others if place.is_file()]
        heads = folder.heads.iterdir() if folder.heads.is_dir() else ()
        strangers = sorted(path.name for path in heads if not (path.name.startswith(".") or folder.is_head(path)))
        run = _find_run(RunFolder(folder.path))
    except BucketError:
        raise
    except OSError as error:
        raise RunFolderError(f"Expected a readable {folder.path}; {error.strerror or error}.") from error
    if found or run or is_foreign_json(text or "", TrainingRecord):
        other = f"{folder.training} is another's"
        if found:
            other = f"{folder.path} holds {found[0].name} and no training.json"
        elif run:
            other = f"{folder.path} holds a run, with its {run.name}"
        raise RunFolderError(
            f"Expected `output` to be a new folder or an earlier model; {other}. Choose another folder."
        )
    if strangers:
        raise RunFolderError(f"Expected nothing but heads in {folder.heads}; it holds {strangers[0]}. Move that away.")


def _find_run(folder: RunFolder) -> Location | None:
    """What tells that a folder is of `score` or `embed`; None if nothing does, or it is another program's."""
    text = folder.read_record()
    if text is not None and not is_foreign_json(text, RunRecord):
        return folder.record
    return folder.manifest if folder.manifest.is_file() and not is_foreign_manifest(folder.manifest) else None
