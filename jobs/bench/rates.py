"""How fast one variant of engine and precision is on this machine, each figure in a new process."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cluster.placement import Placement
from jobs.bench.one_worker import run_alone, score_alone
from jobs.score.request import ImagesRequest
from jobs.score.settings import scorer_settings
from scoring.bench.bare_rates import BareForward, DecodeRate
from scoring.bench.matrix_peak import CPU_MATRIX_SIZE, GPU_MATRIX_SIZE, MatrixPeak
from scoring.errors import IncompleteError, RequestError
from scoring.models.model_request import ModelRequest
from scoring.networks.engines import EngineName
from scoring.run.folder import RunFolder
from scoring.run.manifest import default_shard_size, write_manifest
from scoring.shards.batch_size import CPU_BATCH_SIZE
from scoring.sources.inputs import find_images

_PEAK_S = 2
_DECODED = 64


@dataclass(frozen=True)
class Rates:
    """One round's figures of one variant.

    Attributes:
        peak_gflops: Big matrix products, in 1e9 operations a second.
        forward_images_per_s: The network alone.
        job_images_per_s: The whole job, after its first batch.
        worker_bytes: Peak memory of the job's worker.
    """

    peak_gflops: float
    forward_images_per_s: float
    job_images_per_s: float
    worker_bytes: int


def decode_rate(photos: Path, model: ModelRequest, scratch: Path, placement: Placement) -> float:
    """Images per second that one core decodes."""
    settings = scorer_settings(ImagesRequest(photos, model), RunFolder(scratch), placement)
    [rate] = run_alone(partial(DecodeRate, settings), [_DECODED], placement)
    return rate


def measure_rates(photos: Path, model: ModelRequest, output: Path, placement: Placement) -> Rates:
    """Measure matrix product, forward pass and job, each with all the worker's cores.

    Raises:
        RequestError: If the photos are too few for two batches.
        IncompleteError: If a measurement fails.
    """
    on_gpu = placement.gpus_per_worker > 0 and model.engine is EngineName.KERAS
    size = GPU_MATRIX_SIZE if on_gpu else CPU_MATRIX_SIZE
    folder = RunFolder(output)
    folder.predictions.mkdir(parents=True, exist_ok=True)
    images = find_images(photos).images
    manifest = write_manifest(folder.manifest, images, default_shard_size(len(images)), 0)
    settings = scorer_settings(ImagesRequest(photos, model), folder, placement)
    batch_size = settings.batch_size or CPU_BATCH_SIZE
    num_batches = len(images) // batch_size
    if num_batches < 2:
        raise RequestError(f"Expected `num_images` of at least two batches of {batch_size} here.")
    [peak] = run_alone(partial(MatrixPeak, model.engine, model.precision, model.backend, size), [_PEAK_S], placement)
    [forward] = run_alone(partial(BareForward, settings), [num_batches], placement)
    summary = score_alone(settings, manifest, placement)
    if summary.steady_images_per_s is None:
        raise IncompleteError(f"The job of {output.name} was over before its rate could be measured.")
    return Rates(peak, forward, summary.steady_images_per_s, summary.worker_memory_bytes)
