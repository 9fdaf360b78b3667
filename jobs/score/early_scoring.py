"""What actors score of a long table that is still being listed, and what becomes of it when the manifest is there."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, islice
from shutil import disk_usage
from tempfile import gettempdir

from rich.console import Console

from cluster.outcomes import TaskFailed
from jobs.score.actors import ScorerPool
from jobs.score.listing import BackgroundListing
from jobs.score.request import ImagesRequest
from scoring.errors import ScoringError, StorageError
from scoring.run.folder import RunFolder
from scoring.run.lease import Lease
from scoring.run.milestones import Milestones
from scoring.run.wording import plural
from scoring.shards.early_rows import HeldRows, publish_early
from scoring.shards.early_shard import EarlyShard, first_shards
from scoring.shards.report import ShardReport
from scoring.shards.settings import ScorerDescription, ScorerSettings
from scoring.shards.shard_files import ShardFiles
from scoring.shards.totals import ShardTotals

_TASKS_EACH = 8  # that an actor gets before it is asked whether the table is listed: at most two run at once
_MOST_BYTES = 4 * 1024**3  # of rows that the driver holds on its disk: some tens of millions of images
_MOST_OF_FREE = 0.25  # of what is free there: the list is sorted there, too
_WRITTEN_AT_ONCE = 8


class EarlyScoring:
    """Scores the first rows of a table beside its listing.

    Whether these are the first shards, only the whole table tells, by its ids, its length and its order: their rows
    are held until the manifest is there, and written where it says the same of every image. Others are scored again.

    Args:
        request: What to score.
        folder: The run folder; where it holds an earlier run, nothing is scored before that is verified.
        listing: Of the images.
        lease: What this driver holds the run folder by.
    """

    def __init__(self, request: ImagesRequest, folder: RunFolder, listing: BackgroundListing, lease: Lease) -> None:
        self._request, self._folder, self._listing, self._lease = request, folder, listing, lease
        self._held: list[tuple[int, ShardReport, range]] = []
        self._rows = HeldRows()
        self._began_at = datetime.now(UTC)

    def run(self, pool: ScorerPool, milestones: Milestones) -> None:
        """Score until the table is listed, or as much as can be held; what fails is left for later.

        Args:
            pool: The actors, which may not be ready yet.
            milestones: When the first actor is ready is set here, if the table is not listed before.

        Raises:
            LeaseLostError: If another driver took over.
        """
        if self._listing.is_done:
            return
        shards = self._shards()
        if (first := next(shards, None)) is None:
            return
        shards = chain([first], shards)
        pool.wait_ready(until=lambda: self._listing.is_done)
        milestones.worker_at = milestones.now() if pool.ready_workers else None
        most_bytes = _room()
        while not self._listing.is_done and self._rows.num_bytes < most_bytes:
            some = list(islice(shards, _TASKS_EACH * len(pool.ready_workers)))
            if not some or self._score(some, pool) <= 0:
                return

    def _score(self, shards: Sequence[EarlyShard], pool: ScorerPool) -> int:
        """Score some shards, and hold their rows; return of how many."""
        num_held = len(self._held)
        for outcome in pool.run(shards):
            self._lease.check_heartbeat()
            if self._listing.has_failed:  # what is under way is given up
                return 0
            if not isinstance(outcome, TaskFailed):
                self._hold(outcome.worker_id, outcome.result)
        return len(self._held) - num_held

    def _hold(self, worker_id: int, report: ShardReport) -> None:
        try:
            place = self._rows.add(report.rows or b"")
        except OSError:  # what was held is scored again, and leaves its room to the list
            self._held.clear()
            self._rows = HeldRows()
        else:
            self._held.append((worker_id, replace(report, rows=None), place))

    @property
    def began_at(self) -> datetime | None:
        """When the first of what is held may have been read."""
        return self._began_at if self._held else None

    def publish(
        self, settings: ScorerSettings, scorer: ScorerDescription, totals: ShardTotals, console: Console
    ) -> None:
        """Write the shards that the manifest says were scored, and count them.

        Raises:
            LeaseLostError: If another driver took over.
        """
        files = ShardFiles(settings, scorer)

        def publish(held: tuple[int, ShardReport, range]) -> tuple[int, ShardReport | None]:
            worker_id, report, place = held
            try:
                return worker_id, publish_early(replace(report, rows=self._rows.read(place)), files)
            except (StorageError, OSError):  # a worker will find the same, and say it
                return worker_id, None

        with ThreadPoolExecutor(_WRITTEN_AT_ONCE) as threads:
            for worker_id, report in threads.map(publish, self._held):
                if report:
                    totals.add(worker_id, report, is_early=True)
        self._held.clear()
        if totals.num_images:
            console.print(f"{plural(totals.num_images, 'image')} scored while the table was being listed")

    def _shards(self) -> Iterator[EarlyShard]:
        """The shards as they will be if the table goes on as it begins; whoever lists it says what is wrong with it."""
        if not self._listing.goes_by_rows:
            return
        with suppress(ScoringError):
            if self._folder.manifest.is_file() or self._folder.shard_names():
                return
            yield from first_shards(self._request.images, self._request.columns, self._request.shard_size)


def _room() -> float:
    """Bytes that may be held."""
    with suppress(OSError):
        return min(_MOST_BYTES, _MOST_OF_FREE * disk_usage(gettempdir()).free)
    return 0
