"""Pools of workers on the Ray of all tests, and what becomes of their tasks."""

from collections.abc import Callable, Iterable
from typing import Any

from cluster.outcomes import TaskDone, TaskFailed
from cluster.placement import Placement
from cluster.pool import WorkerPool
from cluster.work import R, function_recipe

CPU_ONLY = Placement(num_workers=2, gpus_per_worker=0, cpus_per_worker=1)
ONE_GPU = Placement(num_workers=3, gpus_per_worker=1, cpus_per_worker=1)


def pool_of(
    build: Callable[[], Callable[[int], R]], placement: Placement, deadline_s: float | None = None
) -> WorkerPool[int, R, None]:
    """Workers that are given a second task while they do one, as those that score shards."""
    return WorkerPool(function_recipe(build, tasks_at_once=2), placement, deadline_s)


def double() -> Callable[[int], int]:
    """Build what doubles a task."""
    return lambda task: 2 * task


def run_all(pool: WorkerPool[int, int, Any], tasks: Iterable[int]) -> tuple[dict[int, int], dict[int, TaskFailed[int]]]:
    """Run these tasks and end the pool; return the results of those that were done, and those that were given up."""
    outcomes = list(pool.run(tasks))
    pool.stop()
    done = {outcome.task: outcome.result for outcome in outcomes if isinstance(outcome, TaskDone)}
    failed = {outcome.task: outcome for outcome in outcomes if isinstance(outcome, TaskFailed)}
    assert len(done) + len(failed) == len(outcomes), "a task ended twice"
    return done, failed
