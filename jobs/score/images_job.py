"""The images half of `score`: list, place workers, hand out shards, add up."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from rich.console import Console

from cluster.errors import WorkerStartError
from cluster.ledger import TaskFailed
from cluster.nodes import cluster_nodes
from cluster.placement import Placement, WorkerRequest, count_room, place_workers
from cluster.pool import WorkerPool
from cluster.shared_files import Sight, where_seen
from jobs.console.failures import print_failures
from jobs.console.progress import ScoringProgress
from jobs.score.claim import claim, new_record
from jobs.score.listing import BackgroundListing
from jobs.score.metrics import ScoringMetrics
from jobs.score.needed_files import see_images, see_model
from jobs.score.request import ImagesRequest
from jobs.score.settings import scorer_settings
from jobs.score.table import print_summary
from scoring.errors import ScoringError
from scoring.process.pyarrow_without_pandas import keep_pandas_from_pyarrow
from scoring.quality.evaluation import count_right
from scoring.run.folder import RunFolder
from scoring.run.milestones import Milestones
from scoring.run.record import DeviceRecord
from scoring.run.verification import RunStatus, run_status
from scoring.shards.report import ShardReport
from scoring.shards.scorer import ShardScorer
from scoring.shards.totals import ShardTotals, summarise
from scoring.sources.entries import ImageEntry


@contextmanager
def told_by_its_cause(pool: WorkerPool[Any]) -> Iterator[None]:
    """Stop the pool at the end; where a worker could not start by a fault of model or data, raise that fault."""
    try:
        yield
    except WorkerStartError as error:
        if isinstance(error.__cause__, ScoringError):
            raise error.__cause__ from None
        raise
    finally:
        pool.stop()


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

    def start_listing(self) -> None:
        """Begin to list the images; wait a little, so that most faults surface before Ray starts."""
        self._listing.start()

    def files(self) -> list[Sight]:
        """What every node must see, beside the run folder."""
        return [*see_images(self._request.images), *see_model(self._request.model)]

    def run(self, milestones: Milestones, needed: Sequence[Sight]) -> list[int]:
        """Score what is missing on the open Ray session.

        Args:
            milestones: When the command got how far; what comes is set here.
            needed: What a worker must see to be built.

        Returns:
            Shards that were given up; none if every shard has its file.
        """
        placement = self._place()
        settings = scorer_settings(self._request, self._folder, placement)
        if settings.model.needs_sample:
            self._listing.result()
        pool: WorkerPool[ShardReport] = WorkerPool(
            where_seen(partial(ShardScorer, settings), needed), placement, self._request.shard_deadline_s
        )
        with told_by_its_cause(pool):
            manifest = self._listing.result()
            first = pool.first_ready()
            milestones.worker_at = time.time()
            record = new_record(self._request, settings, manifest, first.description)
            record = claim(self._folder, record, self._console)
            done = self._keep_sound_shards()
            totals, failures = self._score_missing(pool, done)
        right = (0, 0)
        if self._request.labels_from and first.description.labels:
            right = count_right(self._folder.predictions, first.description.labels)
        wall_s = milestones.since_command_s()
        summary = summarise(totals, done, wall_s, pool.num_lost_workers, pool.num_repeats, right)
        devices = tuple(DeviceRecord(**asdict(worker.devices)) for worker in pool.ready_workers)
        print_summary(self._console, summary, manifest, self._folder, first.description)
        print_failures(self._console, failures, pool.start_failures)
        milestones.first_batch_at, milestones.last_shard_at = totals.first_batch_at, totals.last_shard_at
        milestones.summary_at = time.time()
        self._folder.save_record(replace(record, devices=devices, summary=summary, milestones=milestones))
        return sorted(failure.task for failure in failures)

    def _place(self) -> Placement:
        request = self._request
        nodes = cluster_nodes()
        wanted = WorkerRequest(
            num_workers=request.actors,
            gpus_per_worker=request.gpus_per_actor,
            cpus_per_worker=request.cpus_per_actor,
            accelerator_type=request.accelerator_type,
            wait_for_nodes_s=request.wait_for_nodes_s,
        )
        placement = place_workers(nodes, wanted)
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

    def _keep_sound_shards(self) -> RunStatus:
        """Read what earlier runs left; remove what is damaged, so that it is scored again."""
        status = run_status(self._folder, verify=True)
        for shard_id, reason in status.damaged.items():
            self._console.print(f"shard {shard_id} {reason}; it is scored again", style="yellow")
            self._folder.shard(shard_id, status.num_shards).unlink()
        return status

    def _score_missing(self, pool: WorkerPool[ShardReport], done: RunStatus) -> tuple[ShardTotals, list[TaskFailed]]:
        """Score the shards that are not done; return what they come to, and what was given up."""
        missing = sorted([*done.missing, *done.damaged])
        totals = ShardTotals()
        failures: list[TaskFailed] = []
        metrics = ScoringMetrics(str(self._folder.path.absolute()), done.num_images, done.num_rows)
        with ScoringProgress(self._console, done.num_images, done.num_rows) as progress:
            for outcome in pool.run(missing):
                if isinstance(outcome, TaskFailed):
                    failures.append(outcome)
                else:
                    totals.add(outcome.worker_id, outcome.result)
                    progress.add(outcome.result.num_images, outcome.result.num_errors)
                    metrics.add(outcome.result)
            if failures:  # a worker may have died between a shard's file and the news of it
                found = run_status(self._folder, verify=True, shards=[failure.task for failure in failures])
                failures = [failure for failure in failures if failure.task not in found.done]
                totals.add_unreported(found)
                progress.add(found.num_rows, found.num_errors)
                metrics.add_unreported(found)
        return totals, failures
