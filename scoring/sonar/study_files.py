"""The files that a study leaves in its folder: model, predictions, and metrics last."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scoring.sonar.metrics_file import METRICS_NAME, StudyRecord, StudySettings, load_earlier_study, write_metrics
from scoring.sonar.results import gather_folds, summarise, write_predictions
from scoring.sonar.returns import SonarReturns
from scoring.sonar.study import StudyTask, TaskResult
from scoring.sonar.whole_results import MODEL_NAME, PREDICTIONS_NAME, are_whole
from scoring.storage.durable import remove_file, whole_file


def load_whole_study(folder: Path, settings: StudySettings) -> StudyRecord | None:
    """Return what an earlier study with the same settings found; None if there is none, or its files are not whole.

    Raises:
        RunFolderError: As `load_earlier_study` does.
    """
    study = load_earlier_study(folder / METRICS_NAME, settings)
    return study if study and are_whole(folder, study, with_model=True) else None


def write_study(
    folder: Path,
    settings: StudySettings,
    returns: SonarReturns,
    tasks: Sequence[StudyTask],
    results: Mapping[int, TaskResult],
    wall_s: float,
) -> StudyRecord:
    """Write what all tasks gave, by number, in place of an earlier study; return what `metrics.json` says."""
    remove_file(folder / METRICS_NAME)  # what it promises is replaced now
    network = next(result for result in results.values() if isinstance(result, bytes))
    with whole_file(folder / MODEL_NAME) as temporary:
        temporary.write_bytes(network)
    probabilities = {number: result for number, result in results.items() if not isinstance(result, bytes)}
    scored = gather_folds(tasks, probabilities)
    digest = write_predictions(folder / PREDICTIONS_NAME, returns, scored)
    rows = tuple(summarise(protocol, model, folds, returns) for (protocol, model), folds in scored.items())
    num_copies = int((returns.originals() != np.arange(len(returns.bands))).sum())
    study = StudyRecord(settings, wall_s, rows, hashlib.sha256(network).hexdigest(), digest, num_copies=num_copies)
    write_metrics(folder / METRICS_NAME, study)
    return study
