"""What earlier invocations left in a run folder, verified."""

from rich.console import Console

from jobs.score.record_keeper import RecordKeeper
from scoring.run.folder import RunFolder
from scoring.run.lease import Lease
from scoring.run.reader import foreign_files
from scoring.run.verification import RunStatus, remove_shard, run_status


def keep_sound_shards(folder: RunFolder, lease: Lease, keeper: RecordKeeper, console: Console) -> RunStatus:
    """Read what earlier invocations left; remove what is damaged, so that it is scored again."""
    status = run_status(folder, verify=True)
    if status.foreign:
        raise foreign_files(folder, status.foreign)
    for shard_id, reason in status.damaged.items():
        console.print(f"shard {shard_id} {reason}; it is scored again", style="yellow")
        lease.fence.check()
        remove_shard(folder.shard(shard_id, status.num_shards))
    keeper.note(status.digests)
    return status
