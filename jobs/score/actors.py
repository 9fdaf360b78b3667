"""The actors of a job: where they are placed, and how they are built."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from rich.console import Console

from cluster.idle_gpus import tell_idle
from cluster.nodes import cluster_nodes
from cluster.placement import Placement, count_room, place_workers
from cluster.pool import WorkerPool
from cluster.shared_files import SharedFile, require_files
from jobs.score.request import ImagesRequest
from scoring.errors import LeaseLostError, ScoringError, StorageError
from scoring.process.same_version import SameVersion
from scoring.run.predictions import TOP_K, stores_vectors
from scoring.run.wording import plural
from scoring.shards.report import ShardReport
from scoring.shards.retry import ShardTask
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerDescription, ScorerSettings

if TYPE_CHECKING:
    from cluster.work import Recipe

# One after the other in a shard, before its actor counts as hanging: each thread waits for one at a time.
_READS_THAT_HANG = 5
_TOO_MANY_FOR_COLUMNS = 1000  # ImageNet's labels: no competition asks for so many columns
ScorerPool: TypeAlias = WorkerPool[ShardTask, ShardReport, ScorerDescription]


def place_actors(request: ImagesRequest, console: Console) -> Placement:
    """Plan the actors of a job on the open Ray session, and say what each gets.

    Raises:
        PlacementError: If they do not fit.
    """
    nodes = cluster_nodes()
    placement = place_workers(nodes, request.workers)
    console.print(
        f"{'embedding' if request.is_embedding else 'scoring'} {request.images} with {request.model.name} on "
        f"{plural(placement.num_workers, 'actor')}, each with {placement}, on {plural(len(nodes), 'node')}"
    )
    for told in tell_idle(nodes, placement):
        console.print(told, style="yellow")
    room = count_room(nodes, placement)
    if room < placement.num_workers:
        console.print(
            f"room for {room} of them now; the others wait for nodes to join, "
            f"and the job for the first at most {placement.patience_s:g} s"
        )
    return placement


def tell_scorer(console: Console, scorer: ScorerDescription) -> None:
    """Say what the user may have meant otherwise: a GPU that is not used, and labels that are not stored."""
    if scorer.unused_gpu:
        console.print(scorer.unused_gpu, style="yellow")
    num_labels = len(scorer.labels)
    if num_labels < _TOO_MANY_FOR_COLUMNS and not stores_vectors(num_labels, scorer.store_probabilities):
        console.print(
            f"of {num_labels} labels each image's best {TOP_K} are stored; a submission with a column for each label "
            "needs `store_probabilities` all"
        )


def start_actors(
    request: ImagesRequest, settings: ScorerSettings, placement: Placement, needed: Sequence[SharedFile]
) -> ScorerPool:
    """Start a pool of actors, each with a shard scorer, on nodes that see what is needed."""
    build = SameVersion(partial(ShardScorer, settings))
    recipe: Recipe[ShardTask, ShardReport, ScorerDescription] = require_files(build, needed)
    spare_s = _READS_THAT_HANG * request.read_timeout_s
    faults = (ScoringError,), spare_s, (StorageError, LeaseLostError, OSError)
    return WorkerPool(recipe, placement, request.shard_deadline_s, *faults, shortfall=lambda report: report.shortfall)
