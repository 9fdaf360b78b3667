"""Study the sonar returns: every protocol with every model, as one table.

    shardscore sonar --data uci --output runs/sonar

Reads UCI's file of returns. Leaves sonar/metrics.json (every fold), sonar/predictions.parquet (out-of-fold
probabilities) and sonar/model.keras (ours, trained on all returns) in the output folder.
"""

import time

from rich.console import Console

from jobs.console.failures import check_nothing_missing, given_up, print_failures
from jobs.sonar.request import StudyRequest
from jobs.sonar.result import Study
from jobs.sonar.table import print_study
from jobs.sonar.training import train_models
from scoring.run.fence import under_fence
from scoring.run.folder import RunFolder
from scoring.run.lease import hold_lease
from scoring.sonar.metrics_file import StudySettings, sonar_versions
from scoring.sonar.returns import SonarReturns, check_trainable, find_sonar
from scoring.sonar.study import StudyRecipe, StudyTask, TaskResult, plan_study
from scoring.sonar.study_files import load_whole_study, write_study
from scoring.sonar.uci_file import load_sonar
from scoring.sonar.whole_results import refuse_foreign_files
from scoring.storage.durable import make_folder, remove_temporaries, storage_faults


def run_study(request: StudyRequest, console: Console) -> Study:
    """Run the study and print its table.

    Raises:
        RequestError: If the returns or the output folder do not fit, or another driver holds the folder.
        PlacementError: If the number of actors makes no sense; an earlier study is as it was.
        IncompleteError: If folds are missing; their tasks are named. If another driver took over (LeaseLostError), or
            the folder cannot be written (StorageError).
        ClusterError: If Ray or its actors cannot start.
    """
    started = time.perf_counter()
    request.check()
    data = find_sonar(request.source, field="data")
    returns = load_sonar(data)
    check_trainable(returns, data)
    tasks = plan_study(returns, request.protocols, request.models, request.seed)
    folder = request.output / "sonar"
    refuse_foreign_files(folder)
    with storage_faults(folder):
        make_folder(folder)
    settings = _settings(request, returns)
    with hold_lease(RunFolder(request.output).lease) as lease:
        with under_fence(lease.fence):
            remove_temporaries(folder)
        study = None if request.overwrite else load_whole_study(folder, settings)
        if study is None:
            results = _train(request, returns, tasks, console)
            wall_s = time.perf_counter() - started
            with storage_faults(folder), under_fence(lease.fence):
                study = write_study(folder, settings, returns, tasks, results, wall_s)
            lease.fence.check()
    print_study(console, study, folder, time.perf_counter() - started)
    return Study(folder.absolute(), study.rows)


def _train(
    request: StudyRequest, returns: SonarReturns, tasks: list[StudyTask], console: Console
) -> dict[int, TaskResult]:
    """Do all tasks, or raise IncompleteError."""

    def name(number: int) -> str:
        return str(tasks[number])

    results, failures = train_models(request, StudyRecipe(returns, tuple(tasks), request.backend), console)
    print_failures(console, failures, [], name)
    check_nothing_missing(given_up(failures, name), is_kept=False)
    return results


def _settings(request: StudyRequest, returns: SonarReturns) -> StudySettings:
    versions = sonar_versions(request.backend)
    return StudySettings(
        returns.digest,
        request.protocols,
        request.models,
        request.seed,
        request.backend,
        versions,
        returns.content_digest,
    )
