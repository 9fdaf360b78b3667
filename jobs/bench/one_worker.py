"""Measure in one worker that has the cores, or the GPU, that `score` would give it."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

from cluster.nodes import cluster_nodes
from cluster.outcomes import TaskFailed
from cluster.placement import Placement, WorkerRequest, plan_placement
from cluster.pool import WorkerPool
from cluster.work import R, Recipe, T, function_recipe
from scoring.errors import IncompleteError, ScoringError
from scoring.process.same_version import SameVersion
from scoring.run.manifest import ManifestInfo
from scoring.run.summary import Summary
from scoring.run.verification import RunStatus
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings
from scoring.shards.totals import ShardTotals, summarise


def place_alone() -> Placement:
    """One of the workers that `score` would start by itself: with as many cores, and a GPU if there is one."""
    return replace(plan_placement(cluster_nodes(), WorkerRequest()), num_workers=1, elastic=False)


def run_alone(build: Callable[[], Callable[[T], R]], tasks: Iterable[T], placement: Placement) -> list[R]:
    """Run `tasks` in a new process, one at a time, and return their results in the order in which they end.

    Raises:
        IncompleteError: If a task fails.
    """
    return _run(function_recipe(SameVersion(build)), tasks, placement)


def _run(recipe: Recipe[T, R, object], tasks: Iterable[T], placement: Placement) -> list[R]:
    results: list[R] = []
    with WorkerPool(recipe, placement, faults=(ScoringError,)) as pool:
        for outcome in pool.run(tasks):
            if isinstance(outcome, TaskFailed):
                raise IncompleteError(f"A measurement failed: {outcome.reason}")
            results.append(outcome.result)
    return results


def score_alone(
    settings: ScorerSettings,
    manifest: ManifestInfo,
    placement: Placement,
    build: Callable[[ScorerSettings], ShardScorer] = ShardScorer,
) -> Summary:
    """Score every shard; `steady_images_per_s` leaves the first batch out."""
    shards = list(range(manifest.num_shards))
    nothing = RunStatus(manifest.num_images, manifest.num_shards, [], shards, {}, 0, 0, verified=True)
    totals = ShardTotals()
    for report in _run(SameVersion(partial(build, settings)), shards, placement):
        totals.add(0, report)
    return summarise(totals, nothing, wall_s=1.0)
