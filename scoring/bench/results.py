"""What a benchmark has measured, and what follows: medians over its rounds, and each part's share of its limit."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from scoring.networks.engines import EngineName
from scoring.networks.precision import Precision


@dataclass(frozen=True)
class Variant:
    """One way to run the model."""

    engine: EngineName
    precision: Precision

    def __str__(self) -> str:
        return f"{self.engine} {self.precision}"


VARIANTS = (
    Variant(EngineName.KERAS, Precision.FLOAT32),
    Variant(EngineName.KERAS, Precision.BFLOAT16),
    Variant(EngineName.MNN, Precision.FLOAT32),
    Variant(EngineName.OPENVINO, Precision.FLOAT32),
    Variant(EngineName.OPENVINO, Precision.BFLOAT16),
    Variant(EngineName.OPENVINO, Precision.INT8),
)


@dataclass
class VariantRuns:
    """What was measured of one variant, a value for each round.

    Attributes:
        peak_gflops: Rate of one big square matrix product (of convolutions for OpenVINO), in 1e9 operations a second.
        forward_images_per_s: Images per second, the model alone, on decoded batches.
        job_images_per_s: Images per second of whole shards (read, decode, score, write), after the first batch.
        cold_s: Seconds of the whole command on a few images, in a process of its own.
        cold_phases_s: Where those seconds went, by name of the phase.
        worker_bytes: Peak memory of the job's worker.
        driver_bytes: Peak memory of that command's driver.
    """

    peak_gflops: list[float] = field(default_factory=list)
    forward_images_per_s: list[float] = field(default_factory=list)
    job_images_per_s: list[float] = field(default_factory=list)
    cold_s: list[float] = field(default_factory=list)
    cold_phases_s: list[dict[str, float]] = field(default_factory=list)
    worker_bytes: list[float] = field(default_factory=list)
    driver_bytes: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class BenchRow:
    """Medians of one variant, and the ratios between them.

    Attributes:
        limit_images_per_s: What the fastest product of this precision, by whichever engine, would allow to a network
            that multiplies everything out; None where the model's operations are not known.
        forward_of_limit: Share of that which the bare forward pass reaches; over 1 where MNN's multiplies less.
        job_of_forward: Share of the bare forward rate which the whole job reaches.
        runs: Every round's figures.
    """

    variant: Variant
    peak_gflops: float
    limit_images_per_s: float | None
    forward_images_per_s: float
    forward_of_limit: float | None
    job_images_per_s: float
    job_of_forward: float
    cold_s: float
    cold_phases_s: dict[str, float]
    worker_bytes: float
    driver_bytes: float
    runs: VariantRuns


def bench_rows(runs: Mapping[Variant, VariantRuns], flops: float | None) -> list[BenchRow]:
    """One row for each variant.

    Args:
        runs: What was measured of each variant, in one round or more.
        flops: The model's operations per image, if known.
    """
    peaks = {variant: statistics.median(measured.peak_gflops) for variant, measured in runs.items()}
    return [_row(variant, measured, peaks, flops) for variant, measured in runs.items()]


def _row(variant: Variant, measured: VariantRuns, peaks: Mapping[Variant, float], flops: float | None) -> BenchRow:
    fastest = max(peak for other, peak in peaks.items() if other.precision is variant.precision)
    limit = fastest * 1e9 / flops if flops else None
    forward = statistics.median(measured.forward_images_per_s)
    job = statistics.median(measured.job_images_per_s)
    return BenchRow(
        variant=variant,
        peak_gflops=peaks[variant],
        limit_images_per_s=limit,
        forward_images_per_s=forward,
        forward_of_limit=forward / limit if limit else None,
        job_images_per_s=job,
        job_of_forward=job / forward,
        cold_s=statistics.median(measured.cold_s),
        cold_phases_s=_median_phases(measured.cold_phases_s),
        worker_bytes=statistics.median(measured.worker_bytes),
        driver_bytes=statistics.median(measured.driver_bytes),
        runs=measured,
    )


def _median_phases(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {phase: statistics.median(run[phase] for run in runs) for phase in runs[0]}
