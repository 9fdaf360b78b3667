"""Write `run.json` when a job begins: from then on the folder is this run's."""

from dataclasses import asdict, replace
from datetime import UTC, datetime

from rich.console import Console

from jobs.score.request import ImagesRequest
from scoring.run.earlier import load_earlier_record
from scoring.run.folder import RunFolder
from scoring.run.manifest import ManifestInfo
from scoring.run.record import RequestRecord, RunRecord
from scoring.shards.scorer import ScorerDescription, ScorerSettings, fingerprint_of


def new_record(
    request: ImagesRequest, settings: ScorerSettings, manifest: ManifestInfo, scorer: ScorerDescription
) -> RunRecord:
    """What `run.json` says of a run that begins now."""
    return RunRecord(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        request=_describe(request, settings),
        fingerprint=fingerprint_of(settings, manifest.digest, scorer),
        labels=scorer.labels,
        num_images=manifest.num_images,
        num_shards=manifest.num_shards,
        num_left_out=manifest.num_left_out,
        versions=scorer.versions,
        precision_reason=scorer.precision_reason,
        clip=scorer.clip,
        agreement=scorer.agreement,
    )


def claim(folder: RunFolder, record: RunRecord, console: Console) -> RunRecord:
    """Write the record of a run that begins, or goes on: then it keeps the time of its beginning.

    Raises:
        RunFolderError: If the folder holds another run.
    """
    earlier = load_earlier_record(folder, asdict(record.fingerprint))
    if earlier:
        record = replace(record, created_at=earlier.created_at)
    elif folder.record.is_file():
        console.print(f"{folder.record} was damaged: it is written anew, and sound shards are kept", style="yellow")
    folder.save_record(record)
    return record


def _describe(request: ImagesRequest, settings: ScorerSettings) -> RequestRecord:
    """The request with absolute paths."""
    return RequestRecord(
        images=str(settings.images),
        model=asdict(settings.model),  # type: ignore[call-overload]  # every kind of request is a dataclass
        resize=request.resize,
        labels_from=request.labels_from,
        columns=request.columns,
        batch_size=request.batch_size,
        shard_size=request.shard_size,
        actors=request.actors,
        gpus_per_actor=request.gpus_per_actor,
        cpus_per_actor=request.cpus_per_actor,
        accelerator_type=request.accelerator_type,
        wait_for_nodes_s=request.wait_for_nodes_s,
        shard_deadline_s=request.shard_deadline_s,
    )
