"""Measure how close scoring comes to what this machine can do.

    shardscore bench --images PHOTOS

Reads photos, or draws some; leaves a table on the terminal and shardscore-bench.json. Every variant of engine and
precision is measured once, then all of them again: with VGG16 three rounds take about half an hour on two cores.
"""

import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from rich.console import Console

from cluster.placement import Placement
from cluster.session import open_session
from jobs.bench.cold_command import score_cold
from jobs.bench.one_worker import place_alone, run_alone, score_alone
from jobs.bench.request import LEAST_IMAGES, BenchRequest, choose_variants, default_num_images
from jobs.bench.table import print_bench
from jobs.score.images_request import ImagesRequest, scorer_settings
from scoring.bench.bare_rates import BareForward, DecodeRate
from scoring.bench.machine import Machine, describe_machine
from scoring.bench.matrix_peak import CPU_MATRIX_SIZE, GPU_MATRIX_SIZE, MatrixPeak
from scoring.bench.photos import gather_photos
from scoring.bench.record import BenchRecord, DecodeRates, WorkerShare, write_record
from scoring.bench.results import Variant, VariantRuns, bench_rows
from scoring.errors import IncompleteError, RequestError
from scoring.models.model_request import ModelRequest
from scoring.networks.engines import EngineName
from scoring.run.folder import RunFolder
from scoring.run.manifest import default_shard_size, write_manifest
from scoring.sources.inputs import find_images

COLD_IMAGES = 16
_PEAK_S = 2
_DECODED = 64


def bench(request: BenchRequest, console: Console) -> None:
    """Measure everything in rounds, save after each, and print the table.

    Raises:
        RequestError: If the request makes no sense.
        IncompleteError: If a measurement fails.
        ClusterError: If Ray or its workers cannot start.
    """
    request.check()
    machine = describe_machine()
    num_images = request.num_images or default_num_images(machine)
    variants, left_out = choose_variants(request)
    with tempfile.TemporaryDirectory(prefix="shardscore-bench-") as scratch, _this_machine_alone():
        photos = gather_photos(request.images, Path(scratch) / "photos", num_images, LEAST_IMAGES)
        measuring = _Measuring(request, variants, photos, Path(scratch), console)
        for number in range(1, request.rounds + 1):
            console.print(f"round {number} of {request.rounds}")
            measuring.run_round()
            _save(request, machine, measuring, left_out)
    assert measuring.placement is not None
    rows = bench_rows(measuring.runs, request.model.kind.flops_per_image)
    decode_rate = statistics.median(measuring.decode_rates)
    print_bench(console, machine, rows, decode_rate, left_out, _worker(measuring.placement))
    console.print(f"every run of the {request.rounds}: {request.json_path}")


class _Measuring:
    """Measures one round after the other, and remembers.

    Attributes:
        runs: What was measured of each variant.
        photos: What is scored.
        decode_rates: Images per second and core.
        placement: Of the one worker.
    """

    def __init__(
        self, request: BenchRequest, variants: list[Variant], photos: Path, scratch: Path, console: Console
    ) -> None:
        self._request, self._scratch, self._console = request, scratch, console
        self.photos = photos
        self._few = gather_photos(photos, scratch / "few", COLD_IMAGES, COLD_IMAGES)
        self.runs = {variant: VariantRuns() for variant in variants}
        self.decode_rates: list[float] = []
        self.placement: Placement | None = None

    def run_round(self) -> None:
        """Measure every variant once: the rates in one session of Ray, then the cold commands, each with its own."""
        with open_session(None):
            self.placement = place_alone()
            any_variant = next(iter(self.runs))
            settings = scorer_settings(self._images_request(any_variant), RunFolder(self._scratch), self.placement)
            self.decode_rates += run_alone(partial(DecodeRate, settings), [_DECODED], self.placement)
            for variant, runs in self.runs.items():
                self._measure_rates(variant, runs, self.placement)
        for variant, runs in self.runs.items():
            output = self._scratch / "cold" / str(variant).replace(" ", "-")
            cold = score_cold(self._few, output, self._model(variant))
            runs.cold_s.append(cold.wall_s)
            runs.cold_phases_s.append(cold.phases_s)
            runs.driver_bytes.append(cold.driver_bytes)
            self._console.print(f"  {variant}: {COLD_IMAGES} images cold in {cold.wall_s:.1f} s")

    def _measure_rates(self, variant: Variant, runs: VariantRuns, placement: Placement) -> None:
        """Matrix product, forward pass and job, each in a new process that has all the worker's cores."""
        on_gpu = placement.gpus_per_worker > 0 and variant.engine is EngineName.KERAS
        size = GPU_MATRIX_SIZE if on_gpu else CPU_MATRIX_SIZE
        peak = partial(MatrixPeak, variant.engine, variant.precision, self._request.model.backend, size)
        folder = RunFolder(self._scratch / str(variant).replace(" ", "-"))
        folder.predictions.mkdir(parents=True, exist_ok=True)
        images = find_images(self.photos).images
        manifest = write_manifest(folder.manifest, images, default_shard_size(len(images)), 0)
        settings = scorer_settings(self._images_request(variant), folder, placement)
        num_batches = len(images) // settings.batch_size
        if num_batches < 2:
            raise RequestError(f"Expected --num-images of at least two batches of {settings.batch_size} here.")
        runs.peak_gflops += run_alone(peak, [_PEAK_S], placement)
        runs.forward_images_per_s += run_alone(partial(BareForward, settings), [num_batches], placement)
        summary = score_alone(settings, manifest, placement)
        if summary.steady_images_per_s is None:
            raise IncompleteError(f"The job of {variant} was over before its rate could be measured.")
        runs.job_images_per_s.append(summary.steady_images_per_s)
        runs.worker_bytes.append(summary.worker_memory_bytes)
        self._console.print(
            f"  {variant}: matrices {runs.peak_gflops[-1]:.0f} GFLOP/s, bare {runs.forward_images_per_s[-1]:.2f} "
            f"images/s, job {runs.job_images_per_s[-1]:.2f} images/s"
        )

    def _images_request(self, variant: Variant) -> ImagesRequest:
        return ImagesRequest(self.photos, self._model(variant))

    def _model(self, variant: Variant) -> ModelRequest:
        return replace(self._request.model, engine=variant.engine, precision=variant.precision)


@contextmanager
def _this_machine_alone() -> Iterator[None]:
    """Forget `RAY_ADDRESS`: it is this machine that is measured and described, not a cluster's."""
    address = os.environ.pop("RAY_ADDRESS", None)
    try:
        yield
    finally:
        if address is not None:
            os.environ["RAY_ADDRESS"] = address


def _worker(placement: Placement) -> WorkerShare:
    return WorkerShare(placement.cpus_per_worker, placement.gpus_per_worker)


def _save(request: BenchRequest, machine: Machine, measuring: _Measuring, left_out: dict[str, str]) -> None:
    """Write all runs so far, and what follows from them."""
    assert measuring.placement is not None
    flops = request.model.kind.flops_per_image
    record = BenchRecord(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine,
        worker=_worker(measuring.placement),
        request=request,
        num_images=len(find_images(measuring.photos).images),
        flops_per_image=flops,
        cold_images=COLD_IMAGES,
        decode_images_per_s_per_core=DecodeRates(statistics.median(measuring.decode_rates), measuring.decode_rates),
        variants=bench_rows(measuring.runs, flops),
        left_out=left_out,
    )
    write_record(request.json_path, record)
