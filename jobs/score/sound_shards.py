"""What earlier invocations left in a run folder, verified."""

from rich.console import Console

from jobs.score.listing import BackgroundListing
from jobs.score.record_keeper import RecordKeeper
from jobs.score.table import changed_photos, unread_images
from scoring.run.folder import RunFolder
from scoring.run.lease import Lease
from scoring.run.reader import foreign_files
from scoring.run.verification import RunStatus, remove_shard, run_status
from scoring.run.wording import reasons_of


def renew_photos(listing: BackgroundListing, lease: Lease, keeper: RecordKeeper, console: Console) -> int:
    """Have photos that changed since they were scored, scored again; return how many."""
    num_changed = listing.renew(lease.fence, keeper.count_changed)
    if num_changed and listing.is_renewed_by_time:
        console.print(
            "an earlier version kept no more of the photos than their sizes: those whose files are newer than the run, "
            "by their times, count as changed",
            style="yellow",
        )
    if num_changed:
        console.print(f"{changed_photos(num_changed)}; scored again, and the rest of their shards", style="yellow")
    return num_changed


def keep_sound_shards(folder: RunFolder, lease: Lease, keeper: RecordKeeper, console: Console) -> RunStatus:
    """Read what earlier invocations left; remove what is damaged, so that it is scored again."""
    status = run_status(folder, verify=True)
    if status.to_retry:
        console.print(f"{unread_images(status.to_retry)}; tried again", style="yellow")
    if status.foreign:
        raise foreign_files(folder, status.foreign)
    for reason in reasons_of(status.damaged):
        console.print(f"{reason}; scored again", style="yellow")
    for shard_id in status.damaged:
        lease.fence.check()
        remove_shard(folder.shard(shard_id, status.num_shards))
    keeper.note({shard: digest for shard, digest in status.digests.items() if shard not in status.to_retry})
    if keeper.record.digests and (status.damaged or status.missing or status.to_retry):
        keeper.save_digests()  # without those of files that are gone or replaced: the next would count as damaged
    return status
