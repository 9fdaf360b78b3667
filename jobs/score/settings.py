"""What workers make of a request for images: sizes that go by the device, and paths that hold anywhere."""

from cluster.placement import Placement
from jobs.score.request import ImagesRequest
from scoring.run.folder import RunFolder
from scoring.run.manifest import DEFAULT_SHARD_SIZE, default_shard_size
from scoring.shards.batch_size import BATCH_SIZES, CPU_BATCH_SIZE, SMALL_CPU_BATCH_SIZE
from scoring.shards.settings import ScorerSettings

_GPU_BATCH_SIZE = 64
_NOTICEABLE = 1.1  # about what the larger batches gain on a processor
# A thread for each core beside the model's own. On 2 cores neither fewer nor more, nor more batches ahead, nor a low
# priority is faster beyond noise with every engine: tests/benchmarks/decode_split.py.
_MAX_DECODE_THREADS = 8
# Beside a GPU, from so many cores on, as many processes decode: four threads decode 2,400 images a second, sixteen no
# more, and sixteen processes 10,100 (on the processors of an H200).
_LEAST_DECODE_PROCESSES = 4


def scorer_settings(
    request: ImagesRequest, folder: RunFolder, placement: Placement | None, num_images: int | None = None
) -> ScorerSettings:
    """What the workers need.

    Args:
        request: What is asked for.
        folder: The run folder.
        placement: Without one the fields that shape results are right all the same.
        num_images: How many images there are; None while that is not known.
    """
    on_gpu = placement is not None and placement.gpus_per_worker > 0
    cpus = max(1, int(placement.cpus_per_worker)) if placement else 1
    return ScorerSettings(
        images=request.images.absolute(),
        output=folder.path.absolute(),
        model=request.model.absolute(),
        resize=request.resize_mode,
        batch_size=request.batch_size or (_GPU_BATCH_SIZE if on_gpu else _cpu_batch_size(request, num_images)),
        batch_sizes=_to_try(request) if on_gpu and request.finds_batch_size else (),
        decode_threads=min(_MAX_DECODE_THREADS, cpus),
        decode_processes=cpus if on_gpu and cpus >= _LEAST_DECODE_PROCESSES else 0,
        columns=request.columns,
        read_timeout_s=request.read_timeout_s,
    )


def _cpu_batch_size(request: ImagesRequest, num_images: int | None) -> int | None:
    """The smaller one where less is padded by it; None lets a worker go by its network."""
    shard_size = request.shard_size or default_shard_size(num_images or DEFAULT_SHARD_SIZE)
    whole, rest = divmod(num_images or shard_size, shard_size)

    def num_computed(batch_size: int) -> int:
        return batch_size * (whole * -(-shard_size // batch_size) + -(-rest // batch_size))

    is_less = num_computed(SMALL_CPU_BATCH_SIZE) * _NOTICEABLE < num_computed(CPU_BATCH_SIZE)
    return SMALL_CPU_BATCH_SIZE if is_less else None


def _to_try(request: ImagesRequest) -> tuple[int, ...]:
    """Batch sizes of which the fastest is found: no larger than a shard, whose last batch is padded."""
    largest = max(BATCH_SIZES[0], request.shard_size or DEFAULT_SHARD_SIZE)
    return tuple(size for size in BATCH_SIZES if size <= largest)
