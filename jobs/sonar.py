"""Study the sonar returns: every protocol with every model, as one table.

    shardscore sonar --data uci --output runs/sonar

Reads UCI's file of returns. Leaves sonar/metrics.json (every fold), sonar/predictions.parquet (out-of-fold
probabilities) and sonar/model.keras (ours, trained on all returns) in the output folder.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from cluster.ledger import TaskFailed
from cluster.nodes import cluster_nodes
from cluster.placement import WorkerRequest, place_workers
from cluster.pool import TaskDone, WorkerPool
from cluster.session import open_session
from cluster.work import function_recipe
from jobs.console.exit_codes import COMPLETE, MISSING, exit_codes
from jobs.console.options import Address
from jobs.console.tables import print_failures, print_study
from jobs.console.terminal import terminal
from scoring.errors import ScoringError
from scoring.networks.engines import engine_versions, keras_backend
from scoring.sonar.protocols import Protocol
from scoring.sonar.recipes import SonarModel
from scoring.sonar.results import StudyRow, gather_folds, load_study, summarise, write_predictions, write_study
from scoring.sonar.returns import SonarReturns, check_trainable, find_sonar
from scoring.sonar.study import StudyRecipe, StudyTask, TaskResult, plan_study
from scoring.sonar.uci_file import load_sonar
from scoring.storage.durable import remove_temporaries, whole_file

app = typer.Typer()

# One task may be the paper's smallest network once, another the article's in a hundred folds: no time of one says
# when another hangs.
_TASK_DEADLINE_S = 1800.0


@dataclass(frozen=True)
class StudyRequest:
    """What `shardscore sonar` was asked for.

    Attributes:
        source: A file in UCI's format, or `uci`.
        output: Folder that gets `sonar/`.
        protocols: Ways to divide the returns.
        models: What to train.
        seed: Decides folds, initial weights and noise.
        backend: Keras' backend.
        address: A Ray cluster; None starts one on this machine.
        workers: How many; None takes one per core.
        overwrite: Replace an earlier study in `output`.
    """

    source: str
    output: Path
    protocols: tuple[Protocol, ...]
    models: tuple[SonarModel, ...]
    seed: int
    backend: str
    address: str | None = None
    workers: int | None = None
    overwrite: bool = False


def sonar(request: StudyRequest, console: Console) -> bool:
    """Run the study and print its table.

    Returns:
        Whether every fold was computed.

    Raises:
        RequestError: If the returns or the output folder do not fit.
        ClusterError: If Ray or its workers cannot start.
    """
    started = time.perf_counter()
    data = find_sonar(request.source)
    returns = load_sonar(data)
    check_trainable(returns, data)
    tasks = plan_study(returns, request.protocols, request.models, request.seed)
    folder = request.output / "sonar"
    folder.mkdir(parents=True, exist_ok=True)
    remove_temporaries(folder)
    metrics = folder / "metrics.json"
    if request.overwrite:
        metrics.unlink(missing_ok=True)
    settings = _settings(request, returns)
    rows = load_study(metrics, settings)
    if rows is None:
        results, failures = _compute(request, StudyRecipe(returns, tuple(tasks), request.backend), console)
        if failures:
            print_failures(console, failures, [], lambda number: str(tasks[number]))
            return False
        rows = _write_results(folder, returns, tasks, results)
        write_study(metrics, settings, rows, time.perf_counter() - started)
    print_study(console, rows, folder, time.perf_counter() - started)
    return True


def _settings(request: StudyRequest, returns: SonarReturns) -> dict[str, Any]:
    """What decides the numbers, as JSON gives it back."""
    return {
        "data_sha256": returns.digest,
        "protocols": [protocol.value for protocol in request.protocols],
        "models": [model.value for model in request.models],
        "seed": request.seed,
        "backend": request.backend,
        "versions": engine_versions(request.backend),
    }


def _compute(
    request: StudyRequest, recipe: StudyRecipe, console: Console
) -> tuple[dict[int, TaskResult], list[TaskFailed[int]]]:
    """Run all tasks on Ray."""
    results: dict[int, TaskResult] = {}
    failures = []
    with open_session(request.address):
        wanted = WorkerRequest(request.workers, gpus_per_worker=0.0, cpus_per_worker=1.0)
        placement = place_workers(cluster_nodes(), wanted)
        silent = not console.is_terminal
        with WorkerPool(function_recipe(recipe), placement, _TASK_DEADLINE_S, faults=(ScoringError,)) as pool:
            outcomes = pool.run(range(len(recipe.tasks)))
            for outcome in track(outcomes, "studying", total=len(recipe.tasks), console=console, disable=silent):
                if isinstance(outcome, TaskDone):
                    results[outcome.task] = outcome.result
                else:
                    failures.append(outcome)
    return results, failures


def _write_results(
    folder: Path, returns: SonarReturns, tasks: list[StudyTask], results: Mapping[int, TaskResult]
) -> list[StudyRow]:
    """Write model and predictions; return the table's rows."""
    assert returns.labels is not None
    model = next(result for result in results.values() if isinstance(result, bytes))
    with whole_file(folder / "model.keras") as temporary:
        temporary.write_bytes(model)
    probabilities = {number: result for number, result in results.items() if not isinstance(result, bytes)}
    scored = gather_folds(tasks, probabilities)
    write_predictions(folder / "predictions.parquet", returns, scored)
    return [summarise(protocol, model, folds, returns.labels == "M") for (protocol, model), folds in scored.items()]


@app.command("sonar")
def _sonar(
    output: Annotated[Path, typer.Option(help="Folder that gets sonar/: metrics, predictions and the model.")],
    data: Annotated[str, typer.Option(help="Sonar returns in UCI's format: a file, or 'uci'.")] = "uci",
    protocol: Annotated[list[Protocol] | None, typer.Option(help="Repeatable.  [default: all]")] = None,
    model: Annotated[list[SonarModel] | None, typer.Option(help="Repeatable.  [default: all]")] = None,
    seed: Annotated[int, typer.Option(help="Decides folds, initial weights and noise.")] = 0,
    workers: Annotated[int | None, typer.Option(help="Workers of one core.  [default: one per core]")] = None,
    address: Address = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier study in the folder.")] = False,
) -> None:
    """Study the sonar returns: every protocol with every model, ours and the published, as one table."""
    protocols = tuple(dict.fromkeys(protocol or Protocol))
    models = tuple(dict.fromkeys(model or SonarModel))
    request = StudyRequest(data, output, protocols, models, seed, keras_backend(), address, workers, overwrite)
    with exit_codes():
        complete = sonar(request, terminal())
    raise typer.Exit(COMPLETE if complete else MISSING)
