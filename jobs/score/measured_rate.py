"""How fast a job like the one asked for was, as far as it has been measured: by its own run, or by `bench`."""

from dataclasses import dataclass
from pathlib import Path

from cluster.placement import Placement
from jobs.score.model_options import model_words
from scoring.bench.record import LEAST_IMAGES, RECORD_NAME, BenchFigures, WorkerShare, load_figures
from scoring.errors import RequestError
from scoring.models.model_request import ModelRequest
from scoring.models.shard_model import ShardModelRequest
from scoring.run.record import RunRecord
from scoring.storage.locations import Location
from scoring.storage.redaction import command_line


@dataclass(frozen=True)
class Rate:
    """How fast images were scored.

    Attributes:
        images_per_s: Images per second of the whole job.
        source: What measured it.
    """

    images_per_s: float
    source: str


def measured_rate(
    record: RunRecord | None, model: ShardModelRequest, precision: str, placement: Placement
) -> Rate | None:
    """The rate of the run's own largest invocation, or else of `bench` in this folder; None if neither measured it.

    Args:
        record: The run's, if there is one.
        model: Which model, by which engine.
        precision: The number format.
        placement: The actors: `bench` counts for those that have what its one had.
    """
    work = record.work if record else None
    if work and work.num_scored and (images_per_s := work.steady_images_per_s or work.images_per_s):
        return Rate(images_per_s, "this run's largest invocation")
    figures = _figures(Path(RECORD_NAME))
    share = WorkerShare(placement.cpus_per_worker, placement.gpus_per_worker)
    size = model.size if isinstance(model, ModelRequest) else None
    if figures is None or (figures.model, figures.size, figures.worker) != (model.name, size, share):
        return None
    wanted = f"{model.engine_name.partition('-')[0]} {precision}"
    rates = [each.job_images_per_s for each in figures.variants if each.name == wanted and each.job_images_per_s]
    if not rates:
        return None
    return Rate(rates[0] * placement.num_workers, f"{RECORD_NAME}, measured on {figures.device}")


def bench_command(images: Location, num_images: int, model: ShardModelRequest) -> str:
    """The command that measures it; of fewer images than it needs, on drawn ones."""
    words = ["shardscore", "bench", *(["--images", str(images)] if num_images >= LEAST_IMAGES else [])]
    return command_line([*words, *(model_words(model) if isinstance(model, ModelRequest) else ["--model", model.name])])


def _figures(path: Path) -> BenchFigures | None:
    """What `bench` left here; None if that is nothing, or damaged."""
    try:
        return load_figures(path) if path.is_file() else None
    except RequestError:
        return None
