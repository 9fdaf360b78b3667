"""Whether a page tells of one run or model: another command may put others in its place while files are read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scoring.errors import RunFolderError, StorageError
from scoring.models.model_folder import ModelFolder
from scoring.models.training_record import load_training_record, stored_text
from scoring.run.folder import RunFolder
from scoring.storage.locations import Location


@contextmanager
def of_one_run(folder: RunFolder) -> Iterator[None]:
    """Read what a folder holds; raise RunFolderError if rows were scored anew by the end. New shards are welcome."""
    before = folder.load_record()

    def is_same() -> bool:
        now = folder.load_record()
        if before is None or now is None:
            return before is now
        if (before.created_at, before.fingerprint) != (now.created_at, now.fingerprint):
            return False
        return all(digest in (None, now.digest_of(shard)) for shard, digest in enumerate(before.digests))

    with _if_still(is_same, folder.path):
        yield


@contextmanager
def of_one_model(folder: ModelFolder) -> Iterator[None]:
    """Read what a folder holds, and raise RunFolderError if by the end it is another model."""
    before = stored_text(load_training_record(folder))

    def is_same() -> bool:
        return folder.training.is_file() and stored_text(load_training_record(folder)) == before

    with _if_still(is_same, folder.path):
        yield


@contextmanager
def _if_still(is_same: Callable[[], bool], place: Location) -> Iterator[None]:
    """Ask when all is read, and where it cannot be: what is being replaced is not damaged."""
    replaced = RunFolderError(
        f"Expected the same results in {place} from the first file read to the last; another command has replaced "
        "some between, or is about to. Make the report again when it has ended."
    )
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        if not is_same():
            raise replaced from error
        raise
    if not is_same():
        raise replaced
