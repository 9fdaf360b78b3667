"""The models of a sonar study, trained on Ray."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn

from cluster.nodes import cluster_nodes
from cluster.outcomes import TaskDone, TaskFailed
from cluster.placement import place_workers
from cluster.pool import WorkerPool
from cluster.work import function_recipe
from jobs.console.bar import Bar
from jobs.console.ornaments import Ornament
from jobs.console.session import open_session
from jobs.sonar.request import StudyRequest
from scoring.errors import ScoringError
from scoring.process.same_version import SameVersion
from scoring.sonar.study import StudyRecipe, TaskResult

# One task may be the paper's smallest network once, another the article's in a hundred folds: no time of one says
# when another hangs.
_TASK_DEADLINE_S = 1800.0


def train_models(
    request: StudyRequest, recipe: StudyRecipe, console: Console
) -> tuple[dict[int, TaskResult], list[TaskFailed[int]]]:
    """Do all tasks of a study; return the results by task number, and what was given up."""
    results: dict[int, TaskResult] = {}
    failures = []
    with open_session(request.address):
        placement = place_workers(cluster_nodes(), request.workers)
        pool = WorkerPool(function_recipe(SameVersion(recipe)), placement, _TASK_DEADLINE_S, faults=(ScoringError,))
        with pool, _progress(console, len(recipe.tasks)) as progress:
            for num_ended, outcome in enumerate(pool.run(range(len(recipe.tasks))), start=1):
                if isinstance(outcome, TaskDone):
                    results[outcome.task] = outcome.result
                else:
                    failures.append(outcome)
                progress.do(partial(Bar.show, done=num_ended))
    return results, failures


@contextmanager
def _progress(console: Console, num_tasks: int) -> Iterator[Ornament[Bar]]:
    columns = (TextColumn("studying"), BarColumn(), MofNCompleteColumn())
    progress = Ornament("The progress", lambda: Bar(console, *columns, total=num_tasks).__enter__())
    try:
        yield progress
    finally:
        progress.do(lambda bar: bar.__exit__(None, None, None))
