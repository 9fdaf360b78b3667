"""Study the sonar returns: every protocol with every model, as one table.

    shardscore sonar --data uci --output runs/sonar

Reads UCI's file of returns. Leaves sonar/metrics.json (every fold), sonar/predictions.parquet (out-of-fold
probabilities) and sonar/model.keras (ours, trained on all returns) in the output folder.
"""

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from jobs.console.failures import check_nothing_missing, print_failures
from jobs.sonar.request import StudyRequest
from jobs.sonar.result import Study
from jobs.sonar.table import print_study
from jobs.sonar.training import train_models
from scoring.networks.engines import engine_versions
from scoring.sonar.metrics_file import (
    METRICS_NAME,
    StudyRecord,
    StudySettings,
    load_earlier_study,
    refuse_foreign_metrics,
    write_metrics,
)
from scoring.sonar.results import StudyRow, gather_folds, summarise, write_predictions
from scoring.sonar.returns import SonarReturns, check_trainable, find_sonar
from scoring.sonar.study import StudyRecipe, StudyTask, TaskResult, plan_study
from scoring.sonar.uci_file import load_sonar
from scoring.sonar.whole_results import MODEL_NAME, PREDICTIONS_NAME, are_whole
from scoring.storage.durable import remove_file, remove_temporaries, whole_file


def run_study(request: StudyRequest, console: Console) -> Study:
    """Run the study and print its table.

    Raises:
        RequestError: If the returns or the output folder do not fit.
        PlacementError: If the number of actors makes no sense; an earlier study is as it was.
        IncompleteError: If folds are missing; their tasks are named.
        ClusterError: If Ray or its actors cannot start.
    """
    started = time.perf_counter()
    request.workers.check()
    data = find_sonar(request.source, field="data")
    returns = load_sonar(data)
    check_trainable(returns, data)
    tasks = plan_study(returns, request.protocols, request.models, request.seed)
    folder = request.output / "sonar"
    folder.mkdir(parents=True, exist_ok=True)
    remove_temporaries(folder)
    metrics = folder / METRICS_NAME
    settings = _settings(request, returns)
    refuse_foreign_metrics(metrics)
    study = None if request.overwrite else load_earlier_study(metrics, settings)
    if study is None or not are_whole(folder, with_model=True):

        def name(number: int) -> str:
            return str(tasks[number])

        results, failures = train_models(request, StudyRecipe(returns, tuple(tasks), request.backend), console)
        print_failures(console, failures, [], name)
        check_nothing_missing([failure.task for failure in failures], name)
        remove_file(metrics)  # what it promises is replaced now
        model = next(result for result in results.values() if isinstance(result, bytes))
        rows = _write_results(folder, returns, tasks, results, model)
        wall_s = time.perf_counter() - started
        study = StudyRecord(settings, wall_s, rows, hashlib.sha256(model).hexdigest())
        write_metrics(metrics, study)
    print_study(console, study.results, folder, time.perf_counter() - started)
    return Study(folder.absolute(), study.results)


def _settings(request: StudyRequest, returns: SonarReturns) -> StudySettings:
    versions = engine_versions(request.backend)
    return StudySettings(returns.digest, request.protocols, request.models, request.seed, request.backend, versions)


def _write_results(
    folder: Path, returns: SonarReturns, tasks: list[StudyTask], results: Mapping[int, TaskResult], model: bytes
) -> tuple[StudyRow, ...]:
    """Write model and predictions; return the table's rows."""
    assert returns.labels is not None
    with whole_file(folder / MODEL_NAME) as temporary:
        temporary.write_bytes(model)
    probabilities = {number: result for number, result in results.items() if not isinstance(result, bytes)}
    scored = gather_folds(tasks, probabilities)
    write_predictions(folder / PREDICTIONS_NAME, returns, scored)
    is_mine = returns.labels == "M"
    return tuple(summarise(protocol, model, folds, is_mine) for (protocol, model), folds in scored.items())
