"""What is measured in each round of a benchmark, variant by variant."""

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from cluster.placement import Placement
from jobs.bench.cold_command import score_cold
from jobs.bench.one_worker import place_alone
from jobs.bench.rates import decode_rate, measure_rates
from jobs.bench.request import BenchRequest
from jobs.console.session import open_session
from scoring.bench.photos import gather_photos
from scoring.bench.record import WorkerShare
from scoring.bench.results import Variant, VariantRuns
from scoring.models.model_request import ModelRequest

COLD_IMAGES = 16


class Measurements:
    """Measures round after round and keeps the results.

    Attributes:
        runs: What was measured of each variant.
        photos: What is scored.
        decode_rates: Images per second and core.
    """

    def __init__(
        self, request: BenchRequest, variants: list[Variant], photos: Path, scratch: Path, console: Console
    ) -> None:
        self._request, self._scratch, self._console = request, scratch, console
        self.photos = photos
        self._few = gather_photos(photos, scratch / "few", COLD_IMAGES, COLD_IMAGES)
        self.runs = {variant: VariantRuns() for variant in variants}
        self.decode_rates: list[float] = []
        self._placement: Placement | None = None

    @property
    def worker(self) -> WorkerShare:
        """Cores and GPUs of the one worker, after the first round."""
        assert self._placement is not None
        return WorkerShare(self._placement.cpus_per_worker, self._placement.gpus_per_worker)

    def run_round(self) -> None:
        """Measure every variant once: the rates in one session of Ray, then the cold commands, each with its own."""
        with open_session(None):
            self._placement = place_alone()
            any_model = self._model(next(iter(self.runs)))
            self.decode_rates.append(decode_rate(self.photos, any_model, self._scratch, self._placement))
            for variant, runs in self.runs.items():
                self._measure_rates(variant, runs, self._placement)
        for variant, runs in self.runs.items():
            cold = score_cold(self._few, self._scratch / "cold" / _folder_name(variant), self._model(variant))
            runs.cold_s.append(cold.wall_s)
            runs.cold_phases_s.append(cold.phases_s)
            runs.driver_bytes.append(cold.driver_bytes)
            self._console.print(f"  {variant}: {COLD_IMAGES} images cold in {cold.wall_s:.1f} s")

    def _measure_rates(self, variant: Variant, runs: VariantRuns, placement: Placement) -> None:
        rates = measure_rates(self.photos, self._model(variant), self._scratch / _folder_name(variant), placement)
        runs.peak_gflops.append(rates.peak_gflops)
        runs.forward_images_per_s.append(rates.forward_images_per_s)
        runs.job_images_per_s.append(rates.job_images_per_s)
        runs.worker_bytes.append(rates.worker_bytes)
        self._console.print(
            f"  {variant}: matrices {rates.peak_gflops:.0f} GFLOP/s, bare {rates.forward_images_per_s:.2f} "
            f"images/s, job {rates.job_images_per_s:.2f} images/s"
        )

    def _model(self, variant: Variant) -> ModelRequest:
        return replace(self._request.model, engine=variant.engine, precision=variant.precision)


def _folder_name(variant: Variant) -> str:
    return str(variant).replace(" ", "-")
