"""Whether the files beside a `metrics.json` are there and can be read whole."""

import zipfile
import zlib

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.errors import BucketError, RunFolderError
from scoring.sonar.metrics_file import METRICS_NAME, refuse_foreign_metrics
from scoring.storage.locations import Location, readable

PREDICTIONS_NAME = "predictions.parquet"
MODEL_NAME = "model.keras"

# What pyarrow and zipfile raise at bytes that are not what they should be.
_DAMAGE = (pa.ArrowException, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, LookupError, ValueError)


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
    refuse_foreign_metrics(folder / METRICS_NAME)


def are_whole(folder: Location, with_model: bool) -> bool:
    """Read predictions and, if one was trained, the model to their ends.

    Raises:
        BucketError: If the bucket cannot be reached.
    """
    names = (PREDICTIONS_NAME, MODEL_NAME) if with_model else (PREDICTIONS_NAME,)
    if not all((folder / name).is_file() for name in names):
        return False
    try:
        with pq.ParquetFile(readable(folder / PREDICTIONS_NAME)) as predictions:
            predictions.read()
        return not with_model or _is_whole_archive(folder / MODEL_NAME)
    except BucketError:
        raise
    except _DAMAGE:
        return False


def _is_whole_archive(path: Location) -> bool:
    with zipfile.ZipFile(readable(path)) as archive:
        return archive.testzip() is None
