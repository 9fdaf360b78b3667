"""Whether a run folder holds the run that is asked for; if not, by which of its options it is another one."""

from collections.abc import Sequence

from jobs.score.request import ImagesRequest
from jobs.score.settings import scorer_settings
from scoring.errors import RunFolderError
from scoring.models.model_request import ModelRequest, is_of_network
from scoring.networks.precision import Precision
from scoring.run.earlier import load_earlier_record, stored_fingerprints
from scoring.run.fingerprint import check_same
from scoring.run.folder import RunFolder
from scoring.run.manifest import default_shard_size
from scoring.run.record import RunRecord
from scoring.run.renewal import compare_listings
from scoring.shards.settings import known_fields
from scoring.sources.entries import ImageEntry
from scoring.sources.targets import LabelsFrom
from scoring.storage.locations import is_same_place


def record_of_same_run(
    request: ImagesRequest, folder: RunFolder, images: Sequence[ImageEntry], digest: str
) -> RunRecord | None:
    """What `run.json` says, if there is one.

    Args:
        request: What is asked for now.
        folder: The run folder.
        images: All images as they are listed now.
        digest: The digest of their manifest.

    Raises:
        RunFolderError: If it is of another run, by what is known before a model is loaded.
    """
    _refuse_other_options(request, folder, images, digest)
    labels = request.model.known_labels()
    known = known_fields(scorer_settings(request, folder, None), digest, labels)
    return load_earlier_record(folder, known, labels)


def is_of_same_model(request: ImagesRequest, folder: RunFolder, record: RunRecord | None) -> bool:
    """Whether a run is of the model that is asked for, by its network's digest, or else by what was said of it.

    Without a record the shards tell of the network, and nothing of how its outputs were to be read.

    Raises:
        RunFolderError: If it is of another network.
    """
    model = request.model
    if not isinstance(model, ModelRequest):
        return False
    network = model.kind.known_digest()
    stored = [record.fingerprint] if record else stored_fingerprints(folder)
    if network is not None and stored and not any(is_of_network(one.model, network) for one in stored):
        check_same(stored[0], {"model": network}, str(folder.path))
    if record is None:
        return False
    asked, earlier = model.absolute(), record.request.model
    if network is None and (earlier.get("model"), earlier.get("weights")) != (asked.model, asked.weights):
        return False
    earlier_precision = earlier.get("precision", Precision.AUTO)
    is_precision_told = asked.precision is not Precision.AUTO or earlier_precision == Precision.AUTO
    return is_precision_told and earlier.get("outputs") == asked.outputs


def _refuse_other_options(request: ImagesRequest, folder: RunFolder, images: Sequence[ImageEntry], digest: str) -> None:
    """Name the options by which a record's images are not those of this digest, or images by which they are not."""
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
    _refuse_other_images(record, folder, images)


def _refuse_other_images(record: RunRecord, folder: RunFolder, images: Sequence[ImageEntry]) -> None:
    """Name images that are gone or new, or of which the listing says something else, under the same options."""
    listed = compare_listings(folder, images)
    holds = f"{folder.path} holds a run of {'1 image' if record.num_images == 1 else f'{record.num_images:,} images'}"
    if gone := listed.gone:
        raise RunFolderError(
            f"{holds}; {len(gone):,} of these cannot be found now, such as {gone[0]}. Bring them back, and run the "
            "same again; if that cannot be, use another `output`, or `overwrite` to start clean."
        )
    for others, what in (
        (listed.new, "added since"),
        (listed.relabelled, "with another label now"),
        (listed.renamed, "with another id now"),
        (listed.moved, "in another place of the order now"),
    ):
        if others:
            raise RunFolderError(
                f"{holds}; {what}: {len(others):,}, such as {others[0]}. Undo that, use another `output`, or "
                "`overwrite` to start clean."
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
