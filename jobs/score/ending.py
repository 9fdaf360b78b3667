"""The end of a job: every shard read again, the summary, and what is missing."""

from dataclasses import asdict, dataclass, replace

from rich.console import Console

from jobs.console.failures import Missing, given_up, print_failures
from jobs.score.actors import ScorerPool
from jobs.score.row_counts import RowCounts
from jobs.score.shard_loop import ShardLoop
from jobs.score.table import print_all_errors, print_left, print_summary
from scoring.errors import IncompleteError
from scoring.run.folder import RunFolder
from scoring.run.milestones import Milestones
from scoring.run.reader import foreign_files
from scoring.run.record import DeviceRecord
from scoring.run.verification import RunStatus, run_status
from scoring.run.wording import reasons_of
from scoring.shards.totals import summarise

_NAME = "shard {}".format


@dataclass(frozen=True)
class Ending:
    """Says how a job ended.

    Attributes:
        folder: The run folder.
        console: Where to print.
    """

    folder: RunFolder
    console: Console

    def tell(self, milestones: Milestones, pool: ScorerPool, loop: ShardLoop) -> list[Missing]:
        """Read all shards again and, only if all are sound, write the summary.

        Returns:
            Shards that are missing or damaged.

        Raises:
            LeaseLostError: If another driver took over.
            IncompleteError: If other files lie among the shards.
        """
        rows = RowCounts(loop.keeper.record, self.folder)
        found = run_status(self.folder, verify=True, each=rows.add)
        wall_s = milestones.since_command_s()
        lost, repeats = pool.num_lost_workers, pool.num_repeats
        counts = rows.right, rows.answers.found(), rows.num_learned, rows.num_alike, rows.learned_fault
        summary = summarise(loop.totals, found, wall_s, lost, repeats, *counts)
        print_summary(self.console, summary, loop.keeper.record, self.folder)
        told, now = loop.keeper.record.told, loop.keeper.record.with_digests(found.digests).digest
        if told != now if told else summary.num_scored or summary.num_changed:
            self._tell_of_derived()
        if 0 < found.num_errors == found.num_rows:
            print_all_errors(self.console, found.num_errors, rows.reasons.most_frequent())
        for shard_id, reason in loop.not_retried.items():
            self.console.print(f"shard {shard_id} stays as it was, with unread images: {reason}", style="yellow")
        print_left(self.console, found)
        print_failures(self.console, loop.failures, pool.start_failures, _NAME)
        for reason in reasons_of(found.damaged):
            self.console.print(reason, style="red")
        milestones.first_batch_at, milestones.last_shard_at = loop.totals.first_batch_at, loop.totals.last_shard_at
        milestones.imported_at = loop.totals.imported_at
        milestones.process_at = min((worker.devices.started_at for worker in pool.ready_workers), default=None)
        milestones.summary_at = milestones.now()
        devices = tuple(DeviceRecord(**asdict(worker.devices)) for worker in pool.ready_workers)
        record = replace(loop.keeper.record, devices=devices, milestones=milestones, told=now)
        loop.keeper.save(record.with_summary(summary) if found.has_all_rows else record)
        if found.foreign:
            raise IncompleteError(str(foreign_files(self.folder, found.foreign)))
        return _missing(loop, found)

    def _tell_of_derived(self) -> None:
        """Say what commands made of rows that are no longer those of the folder."""
        if stale := self.folder.derived:
            names = " and ".join(place.name for place in stale)
            said = f"{self.folder.path} still holds {names} of the earlier rows; run what made them again"
            self.console.print(said, style="yellow")


def _missing(loop: ShardLoop, found: RunStatus) -> list[Missing]:
    """The shards that are missing or damaged, in order, and why."""
    tasks = [failure.task for failure in loop.failures]
    told = dict(zip(tasks, given_up(loop.failures, _NAME), strict=True))
    damaged = {shard: Missing(_NAME(shard), f"it {reason}") for shard, reason in found.damaged.items()}
    absent = {shard: told.get(shard, Missing(_NAME(shard))) for shard in found.missing}
    return [each for _, each in sorted((absent | damaged).items())]
