"""What an earlier invocation left in a run folder, looked at without touching it."""

from collections.abc import Sequence
from dataclasses import dataclass

from jobs.score.request import ImagesRequest
from jobs.score.settings import scorer_settings
from scoring.errors import RunFolderError
from scoring.run.earlier import find_standing_shards, load_earlier_record
from scoring.run.folder import RunFolder
from scoring.run.holding import refuse_foreign_files
from scoring.run.manifest import default_shard_size, manifest_digest
from scoring.run.reader import foreign_files
from scoring.run.record import RunRecord
from scoring.run.renewal import find_renewal
from scoring.run.verification import run_status
from scoring.shards.settings import known_fields
from scoring.sonar.whole_results import refuse_foreign_results
from scoring.sources.entries import ImageEntry
from scoring.sources.targets import LabelsFrom
from scoring.storage.locations import is_same_place


@dataclass(frozen=True)
class EarlierRun:
    """What the same command would continue.

    Attributes:
        num_done: How many images have rows that would stay.
        record: What `run.json` says; None without one.
    """

    num_done: int = 0
    record: RunRecord | None = None


def record_of_same_run(request: ImagesRequest, folder: RunFolder, digest: str) -> RunRecord | None:
    """What `run.json` says, if there is one.

    Args:
        request: What is asked for now.
        folder: The run folder.
        digest: The manifest's.

    Raises:
        RunFolderError: If it is of another run, by what is known before a model is loaded.
    """
    _refuse_other_options(request, folder, digest)
    return load_earlier_record(folder, known_fields(scorer_settings(request, folder, None), digest))


def _refuse_other_options(request: ImagesRequest, folder: RunFolder, digest: str) -> None:
    """Name the options by which a record's images are not those of this digest; nothing where no option tells."""
    try:
        record = folder.load_record()
    except RunFolderError:  # damaged: the shards tell whose they are
        return
    if record is None or record.fingerprint.images == digest:
        return
    earlier, asked = record.request, request.columns
    default = default_shard_size(record.num_images)
    differing = [
        (was, now)
        for was, now in (
            (f"`images` {earlier.images}", f"`images` {_as_spelled(str(request.images.absolute()), earlier.images)}"),
            (f"`shard_size` {earlier.shard_size or default}", f"`shard_size` {request.shard_size or default}"),
            (_labels(earlier.labels_from), _labels(_as_spelled(request.truth, earlier.labels_from))),
            (_column("path_column", earlier.columns.path), _column("path_column", asked.path)),
            (_column("id_column", earlier.columns.image_id), _column("id_column", asked.image_id)),
        )
        if was != now
    ]
    if differing:
        expected, received = (", ".join(words) for words in zip(*differing, strict=True))
        raise RunFolderError(
            f"{folder.path} holds a run with other options: expected {expected}; received {received}. Name the same, "
            "use another `output`, or `overwrite` to start clean."
        )


def _as_spelled(now: str | None, earlier: str | None) -> str | None:
    """A place, or what else it is, as the record spells it if it is the same."""
    return earlier if now and earlier and is_same_place(now, earlier) else now


def _labels(truth: str | None) -> str:
    """Where labels stand, see `ImagesRequest.truth`, as users ask for it."""
    if truth is None:
        return "no labels"
    if truth in tuple(LabelsFrom):
        return f"`labels_from` {truth}"
    column = truth.removeprefix("column ")
    return f"`labels_file` {truth}" if column == truth else f"`label_column` {column}"


def _column(field: str, name: str | None) -> str:
    return f"`{field}` {name}" if name else f"no `{field}`"


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
    renewal = find_renewal(folder, images, shard_size, num_left_out=0)
    digest = renewal.info.digest if renewal else manifest_digest(images, shard_size)
    record = record_of_same_run(request, folder, digest)
    if renewal:
        renewal.check_place(record, request.images)
    if record is None or renewal is None:  # gone or damaged: it is written anew, and shards are kept
        known = known_fields(scorer_settings(request, folder, None), digest)
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
    return EarlierRun(num_done - num_again, record)
