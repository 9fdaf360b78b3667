"""What a shard scorer is asked for, what it says of itself, and the fingerprint that follows from both."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from scoring import __version__
from scoring.models.shard_model import ShardModel, ShardModelRequest
from scoring.networks.agreement import Agreement
from scoring.networks.engines import engine_versions
from scoring.networks.gpu import unused_gpu
from scoring.networks.precision import Precision
from scoring.pixels.decoding import DECODING, Resize
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape
from scoring.process.own_place import own_mounts
from scoring.run.fence import Fence
from scoring.run.fingerprint import SCHEMA_VERSION, Fingerprint, labels_digest
from scoring.run.predictions import StoreProbabilities
from scoring.sources.entries import ImageEntry
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.storage.locations import Location


@dataclass(frozen=True)
class ScorerSettings:
    """All that a worker needs to build its `ShardScorer`.

    Attributes:
        images: What the manifest's paths are relative to: a folder, a prefix in a bucket, a zip.
        output: The run folder.
        model: Which model to load and how.
        resize: How photos get the network's shape.
        batch_size: Images per forward pass; None where a processor takes as many as its network's pictures allow.
        decode_threads: Threads that read and decode beside the model.
        columns: Which columns of a Parquet table say what.
        fence: What keeps workers of a driver that has lost its lease from writing; None where there is no lease.
        read_timeout_s: Seconds that reading one image may take; None for any time.
        batch_sizes: The worker takes the fastest of these instead of `batch_size`; empty to take `batch_size`.
        decode_processes: Processes that read and decode instead of threads, each on a core of its own; 0 for threads.
        sample: The images that a model takes to be loaded; empty to take them from the run folder's manifest.
        decoding: How the driver's machine makes pixels; a worker whose machine does otherwise refuses to start.
        mounts: Where the driver's paths lead; a worker whose paths may lead elsewhere compares no times of files.
    """

    images: Location
    output: Location
    model: ShardModelRequest
    resize: Resize
    batch_size: int | None
    decode_threads: int
    columns: TableColumns = NO_COLUMNS
    fence: Fence | None = None
    read_timeout_s: float | None = None
    batch_sizes: tuple[int, ...] = ()
    decode_processes: int = 0
    sample: tuple[ImageEntry, ...] = ()
    decoding: str = DECODING
    mounts: str = field(default_factory=own_mounts)


@dataclass(frozen=True)
class ScorerDescription:
    """What a built scorer is, so that the driver can tell two kinds apart: equal ones may share a run.

    Attributes:
        model_digest: Identifies the network's weights.
        labels: Class names in class order.
        precision: The number format in use.
        precision_reason: Why it is in use; devices that differ may have the same precision for different reasons.
        versions: Library versions, by name.
        clip: How far from 0 and 1 a submission of the model keeps its probabilities; None if the model does not say.
        agreement: How far int8 is from float32; None for other precisions. Measured, so no two devices agree on it.
        input_shape: The pixels that the network takes.
        store_probabilities: Whose probabilities are stored in full.
        unused_gpu: What to tell of a GPU that Keras does not find; None where there is nothing to tell.
        class_numbers: See `TrainingRecord`.
    """

    model_digest: str
    labels: tuple[str, ...]
    precision: str
    precision_reason: str = field(compare=False)
    versions: dict[str, str]
    clip: float | None = None
    agreement: Agreement | None = field(default=None, compare=False)
    input_shape: InputShape = DEFAULT_SHAPE
    store_probabilities: str = StoreProbabilities.FEW
    unused_gpu: str | None = field(default=None, compare=False)
    class_numbers: tuple[int | None, ...] = ()


def describe(model: ShardModel, runtime: str) -> ScorerDescription:
    """What a scorer with this model is, on this machine."""
    return ScorerDescription(
        model_digest=model.model_digest,
        labels=model.labels,
        precision=str(model.precision.precision),
        precision_reason=model.precision.reason,
        versions={**engine_versions("keras", runtime), "shardscore": __version__},
        clip=model.clip,
        agreement=model.agreement,
        input_shape=model.input_shape,
        store_probabilities=model.store_probabilities,
        unused_gpu=unused_gpu(runtime),
        class_numbers=model.class_numbers,
    )


def known_fields(settings: ScorerSettings, manifest_digest: str, labels: Sequence[str] | None) -> dict[str, Any]:
    """The fingerprint's fields that can be told before a model is loaded; for labels see its `known_labels`."""
    model = settings.model
    told = {"store_probabilities": model.known_storing()}
    if labels is not None:
        told["labels"] = labels_digest(labels)
    if model.precision is not Precision.AUTO:
        told["precision"] = str(model.precision)
    return _fields_of_request(settings, manifest_digest) | told


def _fields_of_request(settings: ScorerSettings, manifest_digest: str) -> dict[str, Any]:
    """Those that no model has a part in."""
    return {
        "images": manifest_digest,
        "resize": f"{settings.resize}-{settings.decoding}",
        "engine": settings.model.engine_name,
        "schema_version": SCHEMA_VERSION,
        "bytes_column": settings.columns.content or "",
    }


def fingerprint_of(settings: ScorerSettings, manifest_digest: str, scorer: ScorerDescription) -> Fingerprint:
    """The fingerprint of this scorer's results on these images."""
    return Fingerprint(
        model=scorer.model_digest,
        labels=labels_digest(scorer.labels),
        precision=scorer.precision,
        input_shape=str(scorer.input_shape),
        store_probabilities=str(scorer.store_probabilities),
        **_fields_of_request(settings, manifest_digest),
    )
