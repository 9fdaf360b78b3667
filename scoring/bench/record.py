"""`shardscore-bench.json`: what a benchmark measured, and what an estimate takes from it. Only this module reads it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scoring.bench.machine import Machine
from scoring.bench.results import BenchRow
from scoring.errors import RequestError
from scoring.networks.engines import EngineName
from scoring.run.json_fields import is_foreign_json
from scoring.storage.durable import write_output
from scoring.storage.locations import Location

RECORD_NAME = "shardscore-bench.json"
LEAST_IMAGES = 64  # two batches: the first compiles and does not count


@dataclass(frozen=True)
class WorkerShare:
    """What the one worker had of the machine."""

    num_cpus: float
    num_gpus: float


@dataclass(frozen=True)
class DecodeRates:
    """Images per second that one core decodes: the median, and every round's."""

    median: float
    runs: list[float]


@dataclass(frozen=True)
class BenchRecord:
    """Everything that `bench` measured.

    Attributes:
        created_at: When it was written, in UTC.
        machine: What was measured on.
        worker: What the one worker had of it.
        request: What was asked for, a dataclass; an estimate reads the model's name and size again.
        num_images: Images that the job and the forward pass scored in each round.
        flops_per_image: Operations of one forward pass, where they are known.
        cold_images: Images that the cold commands scored.
        decode_images_per_s_per_core: What one core decodes.
        variants: A row for each variant, with its runs.
        left_out: Names of the variants that cannot run here, and why.
    """

    created_at: str
    machine: Machine
    worker: WorkerShare
    request: object
    num_images: int
    flops_per_image: float | None
    cold_images: int
    decode_images_per_s_per_core: DecodeRates
    variants: list[BenchRow]
    left_out: dict[str, str]


@dataclass(frozen=True)
class MeasuredVariant:
    """How fast one variant was.

    Attributes:
        name: Engine and precision, such as `openvino int8`.
        is_keras: Whether Keras was the engine.
        forward_images_per_s: Images per second, the network alone.
        cold_s: Seconds of a whole command on a few images; None where none was measured.
        job_images_per_s: Images per second of whole shards by one worker; None where none was measured.
    """

    name: str
    is_keras: bool
    forward_images_per_s: float
    cold_s: float | None
    job_images_per_s: float | None = None


@dataclass(frozen=True)
class BenchFigures:
    """What an estimate takes from a record, or from that of `tests/benchmarks/gpu.py`, which has some of it.

    Attributes:
        model: The model's name.
        device: Name of the GPU, or of the processor where there was none.
        worker: What the one worker had of the machine.
        decode_images_per_s: Images per second that one core decodes.
        process_images_per_s: Images per second that one process passes on, however small; None where not measured.
        cold_images: Images that the cold commands scored; None where there were none.
        variants: At least one.
        stored: The file's name, and the day when it was written.
        size: Height and width of the pixels that were asked for; None for the model's own.
    """

    model: str
    device: str
    worker: WorkerShare
    decode_images_per_s: float
    process_images_per_s: float | None
    cold_images: int | None
    variants: list[MeasuredVariant]
    stored: str = "bench"
    size: tuple[int, int] | None = None


def write_record(path: Path, record: BenchRecord) -> None:
    """Write a record as JSON; what JSON does not know is written as text."""
    write_output(path, json.dumps(asdict(record), indent=2, default=str) + "\n")


def may_be_record(file: Location) -> bool:
    """Whether a file is what `write_record` wrote, though perhaps damaged; raises OSError if it cannot be read."""
    text = file.read_bytes().decode(errors="replace")
    return text.lstrip().startswith("{") and not is_foreign_json(text, BenchRecord)


def load_figures(path: Path) -> BenchFigures:
    """Read what an estimate needs.

    Raises:
        RequestError: If the file lacks some of it.
    """
    try:
        return _parse(json.loads(path.read_text(encoding="utf-8")), path.name)
    except KeyError as error:
        raise RequestError(f"Expected `json` to be a file that bench wrote; {path} lacks {error}.") from error
    except (AttributeError, ValueError, IndexError, TypeError, RecursionError, OverflowError) as error:
        raise RequestError(f"Expected `json` to be a file that bench wrote; {path} is none.") from error


def _parse(record: Mapping[str, Any], name: str) -> BenchFigures:
    worker, model = WorkerShare(**record["worker"]), record["request"]["model"]
    size = [int(side) for side in model.get("size") or ()]
    machine = record["machine"]
    return BenchFigures(
        model=str(model["model"]),
        device=str(machine["gpus"][0] if worker.num_gpus > 0 else machine["processor"]),
        worker=worker,
        decode_images_per_s=float(record["decode_images_per_s_per_core"]["median"]),
        process_images_per_s=record.get("process_images_per_s"),
        cold_images=record.get("cold_images"),
        variants=[_parse_variant(row) for row in record["variants"]],
        stored=f"{name}, {str(record['created_at'])[:10]}" if "created_at" in record else name,
        size=(size[0], size[1]) if size else None,
    )


def _parse_variant(row: Mapping[str, Any]) -> MeasuredVariant:
    variant = row["variant"]
    return MeasuredVariant(
        name=f"{variant['engine']} {variant['precision']}",
        is_keras=variant["engine"] == EngineName.KERAS,
        forward_images_per_s=float(row["forward_images_per_s"]),
        cold_s=row.get("cold_s"),
        job_images_per_s=row.get("job_images_per_s"),
    )
