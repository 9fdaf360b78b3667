"""The images half of `score`: list, place workers, hand out shards, add up."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from rich.console import Console

from cluster.ledger import TaskFailed
from cluster.nodes import cluster_nodes
from cluster.placement import Placement, count_room, place_workers
from cluster.pool import WorkerPool
from cluster.shared_files import SharedFile, require_files
from cluster.work import Recipe
from cluster.worker import WorkerInfo
from jobs.console.progress import ScoringProgress
from jobs.console.tables import print_failures, print_summary
from jobs.score.images_request import ImagesRequest, scorer_settings
from jobs.score.metrics import ScoringMetrics
from jobs.score.needed_files import see_images, see_model
from scoring.errors import ScoringError
from scoring.process.pyarrow_without_pandas import keep_pandas_from_pyarrow
from scoring.quality.evaluation import count_right
from scoring.run.fingerprint import check_same
from scoring.run.folder import RunFolder
from scoring.run.manifest import ManifestInfo, default_shard_size, manifest_digest, write_manifest
from scoring.run.milestones import Milestones
from scoring.run.verification import RunStatus, run_status
from scoring.shards.report import ShardReport
from scoring.shards.scorer import ScorerDescription, ScorerSettings, ShardScorer, fingerprint_of, known_fields
from scoring.shards.summary import ShardTotals, summarise
from scoring.sources.inputs import find_images
from scoring.sources.targets import with_targets

# A small collection is listed, and its faults are told, before Ray starts; a large one while Ray starts.
_LISTING_HEAD_START_S = 2.0


class ImagesJob:
    """Scores one collection into one run folder.

    Args:
        request: What to score.
        folder: Where to.
        console: Where to tell it.
        check_targets: Raises if the images' targets will not do.

    Raises:
        RequestError: At construction, if the request makes no sense.
    """

    def __init__(
        self,
        request: ImagesRequest,
        folder: RunFolder,
        console: Console,
        check_targets: Callable[[list[str | None]], None] | None = None,
    ) -> None:
        keep_pandas_from_pyarrow()
        request.check()
        self._check_targets = check_targets
        self._request = request
        self._folder = folder
        self._console = console
        self._listing: Future[ManifestInfo] = Future()

    def start_listing(self) -> None:
        """Begin to list the images; wait a little, so that most faults surface before Ray starts."""
        # A daemon, not an executor's thread: Ctrl-C need not wait for the end of a long listing.
        threading.Thread(target=self._list, name="listing", daemon=True).start()
        try:
            self._listing.result(timeout=_LISTING_HEAD_START_S)
        except NotYet:
            return

    def files(self) -> list[SharedFile]:
        """What every node must see, beside the run folder."""
        return [*see_images(self._request.images), *see_model(self._request.model)]

    def run(self, milestones: Milestones, needed: Sequence[SharedFile]) -> bool:
        """Score what is missing on the open Ray session.

        Args:
            milestones: Of the command so far; the others are set here.
            needed: What a worker must see to be built.

        Returns:
            Whether every shard has its file.
        """
        placement = self._place()
        settings = scorer_settings(self._request, self._folder, placement)
        if settings.model.needs_sample:
            self._listing.result()
        recipe: Recipe[int, ShardReport, ScorerDescription] = require_files(partial(ShardScorer, settings), needed)
        with WorkerPool(recipe, placement, self._request.shard_deadline_s, faults=(ScoringError,)) as pool:
            manifest = self._listing.result()
            first = pool.first_ready()
            milestones.worker_at = time.time()
            record = self._claim(settings, manifest, first)
            done = self._keep_sound_shards()
            totals, failures = self._score_missing(pool, done)
        right = (0, 0)
        if self._request.labels_from and first.description.labels:
            right = count_right(self._folder.predictions, first.description.labels)
        wall_s = milestones.since_command_s()
        summary = summarise(totals, done, wall_s, pool.num_lost_workers, pool.num_repeats, right)
        devices = [asdict(worker.devices) for worker in pool.ready_workers]
        print_summary(self._console, summary, manifest, self._folder, first.description)
        print_failures(self._console, failures, pool.start_failures, "shard {}".format)
        milestones.first_batch_at, milestones.last_shard_at = totals.first_batch_at, totals.last_shard_at
        milestones.summary_at = time.time()
        self._folder.save_record(
            {**record, "devices": devices, "summary": asdict(summary), "milestones": asdict(milestones)}
        )
        return not failures

    def _list(self) -> None:
        try:
            self._listing.set_result(self._write_manifest())
        except Exception as error:  # raised where the listing is waited for
            self._listing.set_exception(error)

    def _write_manifest(self) -> ManifestInfo:
        """List the images, and refuse another run's folder by what is known so far."""
        listing = find_images(self._request.images, self._request.columns)
        images = listing.images
        if self._request.labels_from:
            images = with_targets(images, self._request.labels_from)
        if self._check_targets:
            self._check_targets([image.target for image in images])
        record = self._folder.load_record()
        shard_size = self._request.shard_size or default_shard_size(len(images))
        digest = manifest_digest(images, shard_size)
        if "fingerprint" in record:
            settings = scorer_settings(self._request, self._folder, None)
            check_same(record["fingerprint"], known_fields(settings, digest), str(self._folder.path))
        return write_manifest(self._folder.manifest, images, shard_size, listing.num_left_out, digest)

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

    def _claim(
        self, settings: ScorerSettings, manifest: ManifestInfo, worker: WorkerInfo[ScorerDescription]
    ) -> dict[str, Any]:
        """Write run.json for this run, or refuse if the folder holds another."""
        record = self._folder.load_record()
        fingerprint = asdict(fingerprint_of(settings, manifest.digest, worker.description))
        if "fingerprint" in record:
            check_same(record["fingerprint"], fingerprint, str(self._folder.path))
        record |= {
            "created_at": record.get("created_at") or datetime.now(UTC).isoformat(timespec="seconds"),
            "request": asdict(replace(self._request, images=settings.images, model=settings.model)),
            "fingerprint": fingerprint,
            "labels": worker.description.labels,
            "num_images": manifest.num_images,
            "num_shards": manifest.num_shards,
            "num_left_out": manifest.num_left_out,
            "versions": worker.description.versions,
            "precision_reason": worker.description.precision_reason,
            "clip": worker.description.clip,
            "agreement": asdict(worker.description.agreement) if worker.description.agreement else None,
        }
        self._folder.save_record(record)
        return record

    def _keep_sound_shards(self) -> RunStatus:
        """Read what earlier runs left; remove what is damaged, so that it is scored again."""
        status = run_status(self._folder, verify=True)
        for shard_id, reason in status.damaged.items():
            self._console.print(f"shard {shard_id} {reason}; it is scored again", style="yellow")
            self._folder.shard(shard_id, status.num_shards).unlink()
        return status

    def _score_missing(
        self, pool: WorkerPool[int, ShardReport, ScorerDescription], done: RunStatus
    ) -> tuple[ShardTotals, list[TaskFailed[int]]]:
        """Score the shards that are not done; return what they come to, and what was given up."""
        missing = sorted([*done.missing, *done.damaged])
        totals = ShardTotals()
        failures: list[TaskFailed[int]] = []
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
        return totals, sorted(failures, key=lambda failure: failure.task)
