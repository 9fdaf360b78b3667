"""`run.json`: what was asked for, what made the results, and how the last invocation went."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from scoring.errors import RunFolderError
from scoring.networks.agreement import Agreement
from scoring.run.fingerprint import Fingerprint
from scoring.run.json_fields import check_checksum, from_json, to_json_with_checksum
from scoring.run.milestones import Milestones
from scoring.run.predictions import stores_vectors
from scoring.run.summary import Summary
from scoring.run.wording import plural
from scoring.sources.entries import LeftOut
from scoring.sources.table_columns import NO_COLUMNS, TableColumns


@dataclass(frozen=True)
class RequestRecord:
    """What was asked for; readers go by the first five fields, the others are for people.

    Attributes:
        images: Where the images lay, as an absolute path or a URL.
        model: The model's request, field by field; that of features has other fields than that of classifiers.
        resize: How photos get the network's shape.
        labels_from: Where each image's true label stands; None for images without.
        columns: Columns of a table of images.
        batch_size: Images per forward pass; None, here and below, where the user left the choice to the program.
        shard_size: Images per shard.
        actors: Number of workers.
        gpus_per_actor: GPUs for each.
        cpus_per_actor: Cores for each.
        accelerator_type: The only kind of GPU to use.
        wait_for_nodes_s: How long to wait for a node.
        shard_deadline_s: Seconds after which a worker is taken to hang.
        read_timeout_s: Seconds that reading one image may take.
        sonar: The returns that are told apart beside the images, as an absolute path or `uci`; None if there are none,
            or if an earlier version wrote this.
    """

    images: str
    model: Mapping[str, object]
    resize: str
    labels_from: str | None = None
    columns: TableColumns = NO_COLUMNS
    batch_size: int | None = None
    shard_size: int | None = None
    actors: int | None = None
    gpus_per_actor: float | None = None
    cpus_per_actor: float | None = None
    accelerator_type: str | None = None
    wait_for_nodes_s: float | None = None
    shard_deadline_s: float | None = None
    read_timeout_s: float | None = None
    sonar: str | None = None

    @property
    def model_name(self) -> str:
        """The classifier that was named: a network, a file or a folder."""
        return str(self.model.get("model"))

    @property
    def weights(self) -> str | None:
        """The weights that were named for it; None for its own."""
        weights = self.model.get("weights")
        return None if weights is None else str(weights)


@dataclass(frozen=True)
class DeviceRecord:
    """Where a worker ran; the fields are those of `cluster.devices.Devices`."""

    host: str
    gpu_ids: tuple[str, ...] = ()
    node_id: str = ""
    pid: int = 0
    num_cpus: int = 0
    started_at: float = 0.0


@dataclass(frozen=True)
class RunRecord:
    """All that `run.json` says.

    Attributes:
        created_at: When the run began, ISO 8601 in UTC.
        request: What was asked for.
        fingerprint: What makes the results comparable; every shard carries it too.
        labels: One name per class, in class order; none for features.
        num_images: Images in the manifest.
        num_shards: Shards in the manifest.
        num_left_out: Files of the collection that are not scored.
        versions: Versions of the libraries that shape the numbers, and ours.
        precision_reason: Why the network computes in the fingerprint's precision.
        clip: How far from 0 and 1 a submission of the model keeps its probabilities; None if the model does not say.
        agreement: How far int8 is from float32; None for other precisions.
        devices: Where the workers of the last invocation ran.
        summary: How the last invocation went; None until every shard is there and verified.
        milestones: When the last invocation reached each of its steps.
        digests: SHA-256 of each shard's file by its number, None where it is not known; empty if none is.
        num_changed: Images whose contents had changed since they were scored, as found since the last summary.
        has_others: Whether an image is known to be another than when the run began: by its size.
        left_out: The files that are not scored, by reason; empty too where an earlier version counted without reasons.
        largest: The summary of the invocation that scored the most images: later ones may score a few, or none.
        told: The `digest` of the rows that an invocation told of at its end; empty if none did, or an earlier version.
        class_numbers: The number of each class in the table that the model was trained by, where these are not 0, 1, 2
            and so on; None for a class without one. Empty where they are, and where nothing numbers the classes.
    """

    created_at: str
    request: RequestRecord
    fingerprint: Fingerprint
    labels: tuple[str, ...]
    num_images: int
    num_shards: int
    num_left_out: int
    versions: Mapping[str, str]
    precision_reason: str
    clip: float | None = None
    agreement: Agreement | None = None
    devices: tuple[DeviceRecord, ...] = ()
    summary: Summary | None = None
    milestones: Milestones | None = None
    digests: tuple[str | None, ...] = ()
    num_changed: int = 0
    has_others: bool = False
    left_out: tuple[LeftOut, ...] = ()
    largest: Summary | None = None
    told: str = ""
    class_numbers: tuple[int | None, ...] = ()

    @property
    def work(self) -> Summary | None:
        """How the work of the run went, if that came to a summary; an earlier version kept the last one alone."""
        return self.largest or self.summary

    def with_summary(self, summary: Summary) -> "RunRecord":
        """The same with the summary of an invocation that has ended."""
        is_largest = self.largest is None or summary.num_scored >= self.largest.num_scored
        return replace(self, summary=summary, largest=summary if is_largest else self.largest)

    @property
    def left_out_in_words(self) -> str:
        """How many files are not scored, and why."""
        files = plural(self.num_left_out, "file")
        reasons = "; ".join(f"{left.count:,} {left.reason}" for left in self.left_out)
        return f"{files}: {reasons}" if reasons else files

    @property
    def is_multi_label(self) -> bool:
        """Whether every label stands by itself, so that several may be true of an image."""
        return self.request.model.get("outputs") == "multi-label"

    @property
    def stores_vectors(self) -> bool:
        """Whether the probabilities of all labels are stored."""
        return stores_vectors(len(self.labels), self.fingerprint.store_probabilities)

    @property
    def digest(self) -> str:
        """SHA-256 over those of all shards: another where rows were scored anew, by this run or a later one."""
        return hashlib.sha256(json.dumps(self.digests).encode()).hexdigest()

    @property
    def last_told(self) -> str:
        """The `digest` of the rows that were there when an invocation last ended; empty where that is not known."""
        is_known = self.summary is not None and self.digests and None not in self.digests
        return self.told or (self.digest if is_known else "")

    def digest_of(self, shard_id: int) -> str | None:
        """SHA-256 of a shard's file as it was written; None if it is not known."""
        return self.digests[shard_id] if self.digests else None

    def with_digests(self, digests: Mapping[int, str]) -> "RunRecord":
        """The same with the digests of these shards, by their numbers, and of no others."""
        return replace(self, digests=tuple(digests.get(shard) for shard in range(self.num_shards)) if digests else ())

    def to_json(self) -> str:
        """The file's text."""
        return to_json_with_checksum(asdict(self) | {"fingerprint": self.fingerprint.stored_fields()})


def parse_record(text: str, where: object) -> RunRecord:
    """Read what a run's `to_json` wrote, this version's or an earlier one's.

    Args:
        text: The file's content.
        where: The file, for the message.

    Raises:
        RunFolderError: If it is anything else; the first field that is wrong is named.
    """
    try:
        found = json.loads(text)
        record = from_json(RunRecord, found)
        check_checksum(found)
        if record.digests and len(record.digests) != record.num_shards:
            raise ValueError(f"digests are {len(record.digests)} for {record.num_shards} shards")
        return record if record.fingerprint.bytes_column else _with_column(record)
    except (ValueError, RecursionError) as error:
        reason = "it is empty" if not text.strip() else str(error)
        raise RunFolderError(
            f"Expected the record of a run in {where}; it is damaged: {reason}. The same command again writes it "
            "anew and keeps every shard."
        ) from error


def _with_column(record: RunRecord) -> RunRecord:
    """Name the column of images, which an earlier version's fingerprint lacks, as its request does."""
    return replace(record, fingerprint=replace(record.fingerprint, bytes_column=record.request.columns.content or ""))
