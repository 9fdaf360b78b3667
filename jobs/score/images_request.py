"""What was asked for about images, by any command that runs a network over them, and what workers make of it."""

from dataclasses import dataclass, field

from cluster.placement import Placement, WorkerRequest
from scoring.errors import RequestError
from scoring.models.shard_model import ShardModelRequest
from scoring.pixels.decoding import Resize
from scoring.run.folder import RunFolder
from scoring.shards.scorer import ScorerSettings
from scoring.sources.inputs import NO_COLUMNS, check_images
from scoring.sources.table_images import TableColumns
from scoring.sources.targets import LabelsFrom
from scoring.storage.locations import Location

_CPU_BATCH_SIZE = 16  # VGG16 in bfloat16 on 2 cores runs no faster at 32, and memory doubles
_GPU_BATCH_SIZE = 64
# A thread for each core beside the model's own. On 2 cores neither fewer nor more, nor more batches ahead, nor a low
# priority is faster beyond noise with every engine: tests/benchmarks/decode_split.py.
_MAX_DECODE_THREADS = 8


@dataclass(frozen=True)
class ImagesRequest:
    """Which images to score, and how. None leaves a choice to us.

    Attributes:
        images: A folder, a prefix in a bucket, a zip as Kaggle ships it, tar files, or a Parquet table.
        model: Which model to load and how.
        labels_from: Where each image's true label stands; None for images without.
        resize: How photos become squares.
        batch_size: Images per forward pass.
        shard_size: Images per task and per predictions file.
        workers: How many processes score, what each gets, and how long nodes are waited for.
        shard_deadline_s: Seconds after which an actor is taken to hang on a shard; by default from the others' times.
        columns: Of a Parquet table.
    """

    images: Location
    model: ShardModelRequest
    labels_from: LabelsFrom | None = None
    resize: Resize = Resize.SQUASH
    batch_size: int | None = None
    shard_size: int | None = None
    workers: WorkerRequest = field(default_factory=WorkerRequest)
    shard_deadline_s: float | None = None
    columns: TableColumns = NO_COLUMNS

    def check(self) -> None:
        """Raise what can be told before Ray starts and without looking at every image."""
        for option, least in (("batch_size", 1), ("shard_size", 1), ("shard_deadline_s", 1)):
            value = getattr(self, option)
            if value is not None and value < least:
                name = option.removesuffix("_s").replace("_", "-")
                raise RequestError(f"Expected --{name} of at least {least}; received {value:g}.")
        self.workers.check()
        check_images(self.images, self.columns)
        self.model.check()


def scorer_settings(request: ImagesRequest, folder: RunFolder, placement: Placement | None) -> ScorerSettings:
    """What the workers need; without a placement, the fields that shape results are right all the same."""
    on_gpu = placement is not None and placement.gpus_per_worker > 0
    cpus = int(placement.cpus_per_worker) if placement else 1
    return ScorerSettings(
        images=request.images.absolute(),
        output=folder.path.absolute(),
        model=request.model.absolute(),
        resize=request.resize,
        batch_size=request.batch_size or (_GPU_BATCH_SIZE if on_gpu else _CPU_BATCH_SIZE),
        decode_threads=max(1, min(_MAX_DECODE_THREADS, cpus)),
        columns=request.columns,
    )
