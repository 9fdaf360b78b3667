"""What an earlier invocation left in a run folder, looked at without touching it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from jobs.score.request import ImagesRequest
from jobs.score.same_run import is_of_same_model, record_of_same_run
from jobs.score.settings import scorer_settings
from scoring.run.earlier import find_standing_shards
from scoring.run.folder import RunFolder
from scoring.run.holding import refuse_foreign_files
from scoring.run.manifest import manifest_digest
from scoring.run.reader import foreign_files
from scoring.run.record import RunRecord
from scoring.run.renewal import check_place, find_renewal
from scoring.run.verification import run_status
from scoring.shards.settings import known_fields
from scoring.sonar.whole_results import refuse_foreign_results
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import changes_since


@dataclass(frozen=True)
class EarlierRun:
    """What the same command would continue.

    Attributes:
        num_done: How many images have rows that would stay.
        record: What `run.json` says; None without one.
        is_same_model: Whether it is of the model that is asked for, as far as that is told before it is loaded.
    """

    num_done: int = 0
    record: RunRecord | None = None
    is_same_model: bool = True


def look_at_earlier_run(
    request: ImagesRequest, folder: RunFolder, images: Sequence[ImageEntry], shard_size: int, overwrite: bool = False
) -> EarlierRun:
    """What a run folder holds of these images, and with `overwrite` would keep: nothing.

    Raises:
        RunFolderError: If it holds another run, whose differing field is named, or what no run wrote.
    """
    refuse_foreign_files(folder)
    if overwrite:
        refuse_foreign_results(folder.sonar)
        return EarlierRun()
    renewal = find_renewal(folder, images, shard_size, 0, partial(changes_since, request.images, request.columns))
    digest = renewal.info.digest if renewal else manifest_digest(images, shard_size)
    record = record_of_same_run(request, folder, images, digest)
    check_place(folder, record, renewal, images, request.images)
    if record is None or renewal is None:  # gone or damaged: it is written anew, and shards are kept
        known = known_fields(scorer_settings(request, folder, None), digest, request.model.known_labels())
        unread = find_standing_shards(folder, known, images, shard_size)
        foreign = folder.foreign_names(-(-len(images) // shard_size))
    else:
        status = run_status(folder, verify=False)
        foreign = status.foreign
        unread = {shard: status.unread.get(shard, 0) for shard in status.done}
    if foreign:
        raise foreign_files(folder, foreign)
    changed = renewal.changed if renewal else {}
    kept = unread.keys() - changed.keys()
    num_done = sum(min(shard_size, len(images) - shard * shard_size) for shard in kept)
    num_again = sum(unread.values()) if num_done == len(images) else 0
    is_same = is_of_same_model(request, folder, record) if record or kept else True
    return EarlierRun(num_done - num_again, record, is_same)
