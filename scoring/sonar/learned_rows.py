"""Which returns a trained model has learned from, as far as the `metrics.json` beside it tells."""

from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scoring.errors import RunFolderError
from scoring.sonar.metrics_file import METRICS_NAME, Learned, SonarMetrics, StudyRecord, load_metrics
from scoring.sonar.protocols import split_rows
from scoring.sonar.returns import SonarReturns
from scoring.storage.downloads import file_digest
from scoring.storage.durable import read_patiently


def learned_rows(model: Path | None, returns: SonarReturns, seed: int) -> tuple[Learned, npt.NDArray[np.bool_]]:
    """Tell the returns that a model was trained on, or is to be trained on, from the others.

    Args:
        model: Its file; None for one that is trained here.
        returns: Those to be scored.
        seed: Decides which to train on here.

    Returns:
        What is known, and true for a row that it was trained on, shape (num_rows,); all false where that is not known.
    """
    if model is None:
        return Learned.SPLIT, split_rows(returns, seed)
    nothing = np.zeros(len(returns.bands), dtype=bool)
    training = _training_beside(model)
    if training is None:
        return Learned.UNKNOWN, nothing
    told = training.settings if isinstance(training, StudyRecord) else training
    # An earlier version kept no digest of the contents, but UCI's file is known by its own.
    is_same = returns.content_digest == told.content_sha256 or (returns.are_uci and told.are_uci)
    if not is_same and returns.digest != told.data_sha256:
        return Learned.OTHER_FILE, nothing
    of_all = isinstance(training, StudyRecord)  # a study's model is trained on all returns
    return Learned.SPLIT, ~nothing if of_all else split_rows(returns, told.seed)


def _training_beside(model: Path) -> SonarMetrics | StudyRecord | None:
    """What `score` or `sonar` wrote beside the model that it trained; None if that is not told of this very file."""
    metrics = model.parent / METRICS_NAME
    try:
        found = read_patiently(metrics, partial(_load_ours, metrics))
    except (RunFolderError, OSError):  # somebody else's
        return None
    return found if found and found.trained_sha256 == file_digest(model) else None


def _load_ours(metrics: Path) -> SonarMetrics | StudyRecord | None:
    with suppress(PermissionError):  # not ours to read
        return load_metrics(metrics)
    return None
