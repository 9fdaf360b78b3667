"""The workers of a job: where they run, and what each is built to do."""

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

from rich.console import Console

from cluster.nodes import cluster_nodes
from cluster.placement import Placement, count_room, place_workers
from cluster.pool import WorkerPool
from cluster.shared_files import SharedFile, require_files
from cluster.work import Recipe
from jobs.score.request import ImagesRequest
from scoring.errors import ScoringError
from scoring.shards.report import ShardReport
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerDescription, ScorerSettings

ScorerPool: TypeAlias = WorkerPool[int, ShardReport, ScorerDescription]


def place_scorers(request: ImagesRequest, console: Console) -> Placement:
    """Choose where workers run on the open Ray session, and tell it.

    Raises:
        PlacementError: If the cluster can never have them.
    """
    nodes = cluster_nodes()
    placement = place_workers(nodes, request.workers)
    console.print(
        f"scoring {request.images} with {request.model.name} on {placement.num_workers} actors, each with "
        f"{placement}, on {len(nodes)} nodes"
    )
    room = count_room(nodes, placement)
    if room < placement.num_workers:
        console.print(
            f"room for {room} of them now; the others wait for nodes to join, "
            f"and the job for the first at most {placement.patience_s:g} s"
        )
    return placement


def start_scorers(
    settings: ScorerSettings, needed: Sequence[SharedFile], placement: Placement, shard_deadline_s: float | None
) -> ScorerPool:
    """Start the workers.

    Args:
        settings: What each of them scores, and how.
        needed: What a worker must see to be built.
        placement: Where they run.
        shard_deadline_s: Seconds after which one is taken to hang on a shard; None takes it from the others' times.
    """
    recipe: Recipe[int, ShardReport, ScorerDescription] = require_files(partial(ShardScorer, settings), needed)
    return WorkerPool(recipe, placement, shard_deadline_s, faults=(ScoringError,))
