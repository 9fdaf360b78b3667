"""The images half of `score`: list, place workers, hand out shards, add up."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial

from rich.console import Console

from cluster.nodes import cluster_nodes
from cluster.placement import Placement, count_room, place_workers
from cluster.pool import WorkerPool
from cluster.shared_files import SharedFile, require_files
from cluster.work import Recipe
from jobs.console.failures import print_failures
from jobs.score.listing import BackgroundListing
from jobs.score.needed_files import see_images, see_model
from jobs.score.record_keeper import RecordKeeper, new_record
from jobs.score.request import ImagesRequest
from jobs.score.settings import scorer_settings
from jobs.score.shard_loop import ShardLoop
from jobs.score.table import print_summary
from scoring.errors import IncompleteError, ScoringError
from scoring.process.pyarrow_without_pandas import keep_pandas_from_pyarrow
from scoring.quality.evaluation import RightCount
from scoring.run.folder import RunFolder
from scoring.run.lease import Lease
from scoring.run.milestones import Milestones
from scoring.run.reader import foreign_files
from scoring.run.record import DeviceRecord
from scoring.run.verification import RunStatus, remove_shard, run_status
from scoring.shards.report import ShardReport
from scoring.shards.scorer import ScorerDescription, ShardScorer
from scoring.shards.totals import summarise
from scoring.sources.entries import ImageEntry


class ImagesJob:
    """Scores one collection into one run folder.

    Args:
        request: What to score.
        folder: Where to.
        console: Where to tell it.
        keep: Leaves some of the images out; None keeps all.
        check: Raises if the labelled images will not do.

    Raises:
        RequestError: At construction, if the request makes no sense.
    """

    def __init__(
        self,
        request: ImagesRequest,
        folder: RunFolder,
        console: Console,
        keep: Callable[[Sequence[ImageEntry]], Sequence[ImageEntry]] | None = None,
        check: Callable[[Sequence[ImageEntry]], None] | None = None,
    ) -> None:
        keep_pandas_from_pyarrow()
        request.check()
        self._request = request
        self._folder = folder
        self._console = console
        self._listing = BackgroundListing(request, folder, keep, check)

    def start_listing(self, lease: Lease) -> None:
        """Begin to list the images; wait a little, so that most faults surface before Ray starts.

        Args:
            lease: What this driver holds the run folder by.
        """
        self._lease = lease
        self._listing.start(lease.fence)

    def files(self) -> list[SharedFile]:
        """What every node must see, beside the run folder."""
        return [*see_images(self._request.images), *see_model(self._request.model)]

    def run(self, milestones: Milestones, needed: Sequence[SharedFile]) -> list[int]:
        """Score what is missing on the open Ray session; the images are being listed.

        Args:
            milestones: When the command got how far; what comes is set here.
            needed: What a worker must see to be built.

        Returns:
            Shards that are missing or damaged; none if every one was read again at the end, and is sound.

        Raises:
            LeaseLostError: If another driver took over.
            IncompleteError: If other files lie among the shards at the end.
        """
        placement = self._place()
        settings = replace(scorer_settings(self._request, self._folder, placement), fence=self._lease.fence)
        if settings.model.needs_sample:
            self._listing.result()
        recipe: Recipe[int, ShardReport, ScorerDescription] = require_files(partial(ShardScorer, settings), needed)
        with WorkerPool(recipe, placement, self._request.shard_deadline_s, faults=(ScoringError,)) as pool:
            manifest = self._listing.result()
            first = pool.first_ready()
            milestones.worker_at = time.time()
            record = new_record(self._request, settings, manifest, first.description)
            keeper = RecordKeeper(self._folder, self._lease, record, self._console)
            loop = ShardLoop(self._folder, self._lease, keeper, self._console)
            loop.run(pool, self._keep_sound_shards(keeper))
        return self._finish(milestones, pool, loop)

    def _keep_sound_shards(self, keeper: RecordKeeper) -> RunStatus:
        """Read what earlier invocations left; remove what is damaged, so that it is scored again."""
        status = run_status(self._folder, verify=True)
        if status.foreign:
            raise foreign_files(self._folder, status.foreign)
        for shard_id, reason in status.damaged.items():
            self._console.print(f"shard {shard_id} {reason}; it is scored again", style="yellow")
            self._lease.fence.check()
            remove_shard(self._folder.shard(shard_id, status.num_shards))
        keeper.note(status.digests)
        return status

    def _finish(
        self, milestones: Milestones, pool: WorkerPool[int, ShardReport, ScorerDescription], loop: ShardLoop
    ) -> list[int]:
        """Read all shards again and, only if all are sound, write the summary."""
        labels = loop.keeper.record.labels
        counted, is_labelled = RightCount(labels), self._request.labels_from and labels
        found = run_status(self._folder, verify=True, each=counted.add if is_labelled else lambda table: None)
        right = (counted.num_known, counted.num_right)
        wall_s = milestones.since_command_s()
        summary = summarise(loop.totals, found, wall_s, pool.num_lost_workers, pool.num_repeats, right)
        print_summary(self._console, summary, loop.keeper.record, self._folder)
        print_failures(self._console, loop.failures, pool.start_failures, "shard {}".format)
        for shard_id, reason in found.damaged.items():
            self._console.print(f"shard {shard_id} {reason}", style="red")
        milestones.first_batch_at, milestones.last_shard_at = loop.totals.first_batch_at, loop.totals.last_shard_at
        milestones.summary_at = time.time()
        devices = tuple(DeviceRecord(**asdict(worker.devices)) for worker in pool.ready_workers)
        record = replace(loop.keeper.record, devices=devices, milestones=milestones)
        loop.keeper.save(replace(record, summary=summary) if found.is_complete else record)
        if found.foreign:
            raise IncompleteError(str(foreign_files(self._folder, found.foreign)))
        return sorted([*found.missing, *found.damaged])

    def _place(self) -> Placement:
        request = self._request
        nodes = cluster_nodes()
        placement = place_workers(nodes, request.workers)
        self._console.print(
            f"scoring {request.images} with {request.model.name} on {placement.num_workers} actors, each with "
            f"{placement}, on {len(nodes)} nodes"
        )
        room = count_room(nodes, placement)
        if room < placement.num_workers:
            self._console.print(
                f"room for {room} of them now; the others wait for nodes to join, "
                f"and the job for the first at most {placement.patience_s:g} s"
            )
        return placement
