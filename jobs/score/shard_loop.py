"""Hand out the shards that are not done, and add up what comes back."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from rich.console import Console

from cluster.outcomes import TaskFailed
from jobs.console.ornaments import Ornament
from jobs.console.progress import ScoringProgress
from jobs.score.actors import ScorerPool
from jobs.score.metrics import ScoringMetrics
from jobs.score.record_keeper import RecordKeeper
from scoring.errors import ModelError, ScoringError
from scoring.run.folder import RunFolder
from scoring.run.lease import Lease
from scoring.run.verification import RunStatus, run_status
from scoring.shards.report import ShardReport
from scoring.shards.retry import Retry, ShardTask, shard_of
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
        not_retried: By shard why its unread images could not be tried again; its file is as it was.
    """

    folder: RunFolder
    lease: Lease
    keeper: RecordKeeper
    console: Console
    totals: ShardTotals = field(default_factory=ShardTotals)
    failures: list[TaskFailed[int]] = field(default_factory=list)
    not_retried: dict[int, str] = field(default_factory=dict)

    def run(self, pool: ScorerPool, done: RunStatus) -> None:
        """Score the shards that are not done; where all are, try unread images again.

        Raises:
            LeaseLostError: If another driver took over.
            ModelError: If what the model gives is refused of every shard: the next time would end no otherwise.
        """
        try:
            self._score(pool, done)
        except BaseException:
            with suppress(ScoringError):  # what stops the job says more than what comes of it
                self.keeper.save_digests()
            raise
        self.keeper.save_digests()

    def _score(self, pool: ScorerPool, done: RunStatus) -> None:
        num_again = sum(done.to_retry.values())
        run, sizes = str(self.folder.path.absolute()), (done.num_images, done.num_rows - num_again)
        told = done.num_errors - num_again, not self.keeper.record.labels  # those tried again are errors, too
        metrics = Ornament("The figures for Prometheus", lambda: ScoringMetrics(run, *sizes))
        progress = Ornament("The progress", lambda: ScoringProgress(self.console, *sizes, *told).__enter__())
        try:
            self._hand_out(pool, done, metrics, progress)
        finally:
            progress.do(lambda bar: bar.__exit__(None, None, None))

    def _hand_out(
        self, pool: ScorerPool, done: RunStatus, metrics: Ornament[ScoringMetrics], progress: Ornament[ScoringProgress]
    ) -> None:
        for outcome in pool.run(tasks_of(done)):
            self.lease.check_heartbeat()
            if isinstance(outcome, TaskFailed):
                self.lease.fence.check()  # its worker may have found out before our heart
                shard = shard_of(outcome.task)
                self.failures.append(TaskFailed(shard, outcome.attempts, outcome.reason, outcome.error))
            else:
                self.totals.add(outcome.worker_id, outcome.result)
                self.keeper.note({shard_of(outcome.task): outcome.result.digest})
                _tell(outcome.result, metrics, progress)
        if self.failures:  # a worker may have died between a shard's file and the news of it
            failed = {failure.task: failure.reason for failure in self.failures}
            found = run_status(self.folder, verify=True, shards=failed)
            self.failures = [failure for failure in self.failures if failure.task not in found.done]
            self.keeper.note(found.digests)
            if done.to_retry:
                is_same = {shard for shard in found.done if found.digests[shard] == done.digests[shard]}
                self.not_retried = {shard: reason for shard, reason in failed.items() if shard in is_same}
                return
            self.totals.add_unreported(found)
            if done.num_rows == done.num_errors and self.totals.num_images == self.totals.num_errors:
                self._refuse()
            progress.do(lambda bar: bar.add(found.num_rows, found.num_errors))
            metrics.do(lambda figures: figures.add_unreported(found))

    def _refuse(self) -> None:
        refusals = [each.error for each in self.failures if isinstance(each.error, ModelError)]
        if refusals and len(refusals) == len(self.failures):
            raise refusals[0]


def tasks_of(done: RunStatus) -> Sequence[ShardTask]:
    """What is left to do in a run whose every row was read."""
    if done.to_retry:
        return [Retry(shard_id, done.digests[shard_id]) for shard_id in sorted(done.to_retry)]
    return sorted([*done.missing, *done.damaged])


def _tell(report: ShardReport, metrics: Ornament[ScoringMetrics], progress: Ornament[ScoringProgress]) -> None:
    progress.do(lambda bar: bar.add(report.num_images, report.num_errors))
    metrics.do(lambda figures: figures.add(report))
