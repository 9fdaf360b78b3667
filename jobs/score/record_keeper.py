"""Keep `run.json` while a job goes on: claim the folder, note the digests of its shards, say how it ended."""

import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime

from rich.console import Console

from jobs.score.listing import Listed
from jobs.score.request import ImagesRequest
from scoring.run.earlier import load_earlier_record
from scoring.run.fence import FencedFile
from scoring.run.folder import RunFolder
from scoring.run.lease import Lease
from scoring.run.record import RequestRecord, RunRecord
from scoring.shards.settings import ScorerDescription, ScorerSettings, fingerprint_of

# What is noted since is lost with a driver that is killed: those shards are believed if their checksums are right.
_SAVE_S = 30.0


def new_record(
    request: ImagesRequest,
    settings: ScorerSettings,
    listed: Listed,
    scorer: ScorerDescription,
    sonar: str | None = None,
    began_at: datetime | None = None,
) -> RunRecord:
    """What `run.json` says of a run that begins now, or began when its first images were read."""
    manifest = listed.manifest
    return RunRecord(
        created_at=(began_at or datetime.now(UTC)).isoformat(timespec="seconds"),
        request=replace(_describe(request, settings), sonar=sonar),
        fingerprint=fingerprint_of(settings, manifest.digest, scorer),
        labels=scorer.labels,
        num_images=manifest.num_images,
        num_shards=manifest.num_shards,
        num_left_out=manifest.num_left_out,
        versions=scorer.versions,
        precision_reason=scorer.precision_reason,
        clip=scorer.clip,
        agreement=scorer.agreement,
        left_out=listed.left_out,
        class_numbers=scorer.class_numbers,
    )


def _describe(request: ImagesRequest, settings: ScorerSettings) -> RequestRecord:
    """The request with absolute paths."""
    return RequestRecord(
        images=str(settings.images),
        model=asdict(settings.model),  # type: ignore[call-overload]  # every kind of request is a dataclass
        resize=settings.resize,
        labels_from=request.truth,
        columns=request.columns,
        batch_size=request.batch_size,
        shard_size=request.shard_size,
        actors=request.workers.num_workers,
        gpus_per_actor=request.workers.gpus_per_worker,
        cpus_per_actor=request.workers.cpus_per_worker,
        accelerator_type=request.workers.accelerator_type,
        wait_for_nodes_s=request.workers.wait_for_nodes_s,
        shard_deadline_s=request.shard_deadline_s,
        read_timeout_s=request.read_timeout_s,
    )


class RecordKeeper:
    """Writes a run's record under the lease of its driver.

    Claiming the folder, it takes over what an earlier invocation knew.

    Args:
        folder: The run folder.
        lease: What this driver holds it by.
        record: The run's, as it begins.
        console: Where to tell of a record that was damaged.

    Attributes:
        record: The run's, as it is in the file.

    Raises:
        RunFolderError: If the folder holds another run.
        LeaseLostError: If another driver took over.
    """

    def __init__(self, folder: RunFolder, lease: Lease, record: RunRecord, console: Console) -> None:
        self._file = FencedFile(folder.record, lease.fence)
        earlier = load_earlier_record(folder, asdict(record.fingerprint), record.labels)
        if earlier:
            num_changed = 0 if earlier.summary else earlier.num_changed  # no summary has told of them
            record = replace(
                record,
                created_at=earlier.created_at,
                digests=earlier.digests,
                num_changed=num_changed,
                has_others=earlier.has_others,
                largest=earlier.work,
                told=earlier.last_told,
            )
        elif self._file.was_there:
            console.print(
                f"{folder.record} was damaged: it is written anew, and intact shards are kept", style="yellow"
            )
        self._digests: dict[int, str] = {}
        self._saved_at = 0.0
        self.save(record)

    def save(self, record: RunRecord) -> None:
        """Write the record.

        Raises:
            LeaseLostError: If another driver took over.
            StorageError: If it cannot be written.
        """
        self._file.write(record.to_json().encode())
        self.record, self._saved_at = record, time.monotonic()

    def count_changed(self, num_changed: int, has_others: bool) -> None:
        """Count images that have changed since they were scored, until a summary tells of them.

        Args:
            num_changed: How many.
            has_others: See `RunRecord.has_others`; it stays.
        """
        if num_changed or has_others:
            num_changed, has_others = self.record.num_changed + num_changed, self.record.has_others or has_others
            self.save(replace(self.record, num_changed=num_changed, has_others=has_others))

    def note(self, digests: Mapping[int, str]) -> None:
        """Note the digests of shards by their numbers; from time to time they are written."""
        self._digests |= digests
        if time.monotonic() - self._saved_at > _SAVE_S:
            self.save_digests()

    def save_digests(self) -> None:
        """Write what has been noted, and nothing of shards of which nothing has: their files are gone, or new."""
        self.save(self.record.with_digests(self._digests))
