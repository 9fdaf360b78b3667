"""Which returns a trained model has learned from, as far as the `metrics.json` beside it tells."""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scoring.errors import RunFolderError
from scoring.sonar.metrics_file import METRICS_NAME, Learned, SonarMetrics, StudyRecord, load_metrics
from scoring.sonar.protocols import split_rows
from scoring.sonar.returns import SonarReturns, are_uci
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
    told = told_beside(model, returns.digest, returns.content_digest)
    if told.seed is not None:
        return told.learned, split_rows(returns, told.seed)
    return told.learned, np.full(len(returns.bands), told.learned is Learned.SPLIT)


@dataclass(frozen=True)
class Told:
    """What lies beside a model tells of some returns.

    Attributes:
        learned: Whether it was trained on them.
        seed: Decides on which of them, where it is known; None if on all.
    """

    learned: Learned
    seed: int | None = None


def told_beside(model: Path, data_sha256: str, content_sha256: str | None) -> Told:
    """What the `metrics.json` beside a model tells of returns, which are known by both digests of `SonarMetrics`."""
    training = _training_beside(model)
    if training is None:
        return Told(Learned.UNKNOWN)
    told = training.settings if isinstance(training, StudyRecord) else training
    # An earlier version kept no digest of the contents, but UCI's file is known by its own.
    is_content = content_sha256 is not None and content_sha256 == told.content_sha256
    if not (is_content or data_sha256 == told.data_sha256 or (are_uci(data_sha256, content_sha256) and told.are_uci)):
        return Told(Learned.OTHER_FILE)
    return Told(Learned.SPLIT, None if isinstance(training, StudyRecord) else training.seed)  # a study trains on all


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
