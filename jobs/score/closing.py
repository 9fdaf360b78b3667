"""The end of a job: read every shard again, say how it went and, only if all are sound, write the summary."""

import time
from dataclasses import asdict, replace

from jobs.console.failures import print_failures
from jobs.score.shard_loop import ShardLoop
from jobs.score.table import print_summary
from jobs.score.workers import ScorerPool
from scoring.errors import IncompleteError
from scoring.quality.evaluation import RightCount
from scoring.run.milestones import Milestones
from scoring.run.reader import foreign_files
from scoring.run.record import DeviceRecord
from scoring.run.verification import run_status
from scoring.shards.totals import summarise


def close(loop: ShardLoop, pool: ScorerPool, milestones: Milestones) -> list[int]:
    """Close a job whose shards have all been handed out.

    Args:
        loop: What has been scored, and where.
        pool: The workers, which have ended.
        milestones: When the command got how far; the last are set here.

    Returns:
        Shards that are missing or damaged; none if all are sound.

    Raises:
        IncompleteError: If other files lie among the shards.
        LeaseLostError: If another driver took over.
    """
    before, console = loop.keeper.record, loop.console
    counted = RightCount(before.labels)
    is_labelled = before.request.labels_from and before.labels
    found = run_status(loop.folder, verify=True, each=counted.add if is_labelled else lambda table: None)
    right = (counted.num_known, counted.num_right)
    wall_s = milestones.since_command_s()
    summary = summarise(loop.totals, found, wall_s, pool.num_lost_workers, pool.num_repeats, right)
    print_summary(console, summary, before, loop.folder)
    print_failures(console, loop.failures, pool.start_failures, "shard {}".format)
    for shard_id, reason in found.damaged.items():
        console.print(f"shard {shard_id} {reason}", style="red")
    milestones.first_batch_at, milestones.last_shard_at = loop.totals.first_batch_at, loop.totals.last_shard_at
    milestones.summary_at = time.time()
    devices = tuple(DeviceRecord(**asdict(worker.devices)) for worker in pool.ready_workers)
    summary_if_sound = summary if found.is_complete else None
    loop.keeper.save(replace(before, devices=devices, milestones=milestones, summary=summary_if_sound))
    if found.foreign:
        raise IncompleteError(str(foreign_files(loop.folder, found.foreign)))
    return sorted([*found.missing, *found.damaged])
