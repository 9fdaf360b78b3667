"""What workers make of a request for images: sizes that go by the device, and paths that hold anywhere."""

from cluster.placement import Placement
from jobs.score.request import ImagesRequest
from scoring.run.folder import RunFolder
from scoring.run.manifest import DEFAULT_SHARD_SIZE
from scoring.shards.batch_size import BATCH_SIZES
from scoring.shards.settings import ScorerSettings

_CPU_BATCH_SIZE = 16  # VGG16 in bfloat16 on 2 cores runs no faster at 32, and memory doubles
_GPU_BATCH_SIZE = 64
# A thread for each core beside the model's own. On 2 cores neither fewer nor more, nor more batches ahead, nor a low
# priority is faster beyond noise with every engine: tests/benchmarks/decode_split.py.
_MAX_DECODE_THREADS = 8
# Beside a GPU, from so many cores on, as many processes decode: four threads decode 2,400 images a second, sixteen no
# more, and sixteen processes 10,100 (on the processors of an H200).
_LEAST_DECODE_PROCESSES = 4


def scorer_settings(request: ImagesRequest, folder: RunFolder, placement: Placement | None) -> ScorerSettings:
    """What the workers need; without a placement, the fields that shape results are right all the same."""
    on_gpu = placement is not None and placement.gpus_per_worker > 0
    cpus = max(1, int(placement.cpus_per_worker)) if placement else 1
    return ScorerSettings(
        images=request.images.absolute(),
        output=folder.path.absolute(),
        model=request.model.absolute(),
        resize=request.resize_mode,
        batch_size=request.batch_size or (_GPU_BATCH_SIZE if on_gpu else _CPU_BATCH_SIZE),
        batch_sizes=_to_try(request) if on_gpu and request.finds_batch_size else (),
        decode_threads=min(_MAX_DECODE_THREADS, cpus),
        decode_processes=cpus if on_gpu and cpus >= _LEAST_DECODE_PROCESSES else 0,
        columns=request.columns,
        read_timeout_s=request.read_timeout_s,
    )


def _to_try(request: ImagesRequest) -> tuple[int, ...]:
    """Batch sizes of which the fastest is found: no larger than a shard, whose last batch is padded."""
    largest = max(BATCH_SIZES[0], request.shard_size or DEFAULT_SHARD_SIZE)
    return tuple(size for size in BATCH_SIZES if size <= largest)
