"""Hand out the shards that are not done, and add up what comes back."""

from contextlib import suppress
from dataclasses import dataclass, field

from rich.console import Console

from cluster.ledger import TaskFailed
from jobs.console.progress import ScoringProgress
from jobs.score.actors import ScorerPool
from jobs.score.metrics import ScoringMetrics
from jobs.score.record_keeper import RecordKeeper
from scoring.errors import ScoringError
from scoring.run.folder import RunFolder
from scoring.run.lease import Lease
from scoring.run.verification import RunStatus, run_status
from scoring.shards.totals import ShardTotals


@dataclass
class ShardLoop:
    """Scores what is missing in one run folder.

    Attributes:
        folder: The run folder.
        lease: What this driver holds it by.
        keeper: Where digests are noted.
        console: Where to show the progress.
        totals: What the shards that were scored come to.
        failures: What was given up.
    """

    folder: RunFolder
    lease: Lease
    keeper: RecordKeeper
    console: Console
    totals: ShardTotals = field(default_factory=ShardTotals)
    failures: list[TaskFailed[int]] = field(default_factory=list)

    def run(self, pool: ScorerPool, done: RunStatus) -> None:
        """Score the shards that are not done.

        Raises:
            LeaseLostError: If another driver took over.
        """
        try:
            self._score(pool, done)
        except BaseException:
            with suppress(ScoringError):  # what stops the job says more than what comes of it
                self.keeper.save_digests()
            raise
        self.keeper.save_digests()

    def _score(self, pool: ScorerPool, done: RunStatus) -> None:
        metrics = ScoringMetrics(str(self.folder.path.absolute()), done.num_images, done.num_rows)
        with ScoringProgress(self.console, done.num_images, done.num_rows) as progress:
            for outcome in pool.run(sorted([*done.missing, *done.damaged])):
                self.lease.check_heartbeat()
                if isinstance(outcome, TaskFailed):
                    self.lease.fence.check()  # its worker may have found out before our heart
                    self.failures.append(outcome)
                else:
                    self.totals.add(outcome.worker_id, outcome.result)
                    self.keeper.note({outcome.task: outcome.result.digest})
                    progress.add(outcome.result.num_images, outcome.result.num_errors)
                    metrics.add(outcome.result)
            if self.failures:  # a worker may have died between a shard's file and the news of it
                failed = [failure.task for failure in self.failures]
                found = run_status(self.folder, verify=True, shards=failed)
                self.failures = [failure for failure in self.failures if failure.task not in found.done]
                self.totals.add_unreported(found)
                self.keeper.note(found.digests)
                progress.add(found.num_rows, found.num_errors)
                metrics.add_unreported(found)
