"""What the benchmarks share: one worker with all cores, and the steady rate of a whole job in it."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from cluster.nodes import cluster_nodes
from cluster.placement import WorkerRequest, plan_placement
from cluster.pool import TaskDone, WorkerPool
from scoring.manifest import ManifestInfo
from scoring.shard_scorer import ScorerSettings, ShardScorer
from scoring.summary import Summary, summarise
from scoring.verification import RunStatus

R = TypeVar("R")


def run_alone(recipe: Callable[[], Callable[[int], R]], tasks: Iterable[int]) -> list[R]:
    """Work off `tasks` with one worker that has all cores of a node."""
    pool: WorkerPool[R] = WorkerPool(recipe, plan_placement(cluster_nodes(), WorkerRequest(num_workers=1)))
    results = [outcome.result for outcome in pool.run(tasks) if isinstance(outcome, TaskDone)]
    pool.stop()
    return results


def score_alone(
    build: Callable[[ScorerSettings], ShardScorer], settings: ScorerSettings, manifest: ManifestInfo
) -> Summary:
    """Score every shard with one worker; `steady_images_per_s` leaves its first batch out."""
    shards = list(range(manifest.num_shards))
    nothing = RunStatus(manifest.num_images, manifest.num_shards, [], shards, {}, 0, 0, verified=True)
    return summarise({0: run_alone(partial(build, settings), shards)}, nothing, wall_s=1.0)
