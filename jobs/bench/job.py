"""Measure how close scoring comes to what this machine can do.

    shardscore bench --images PHOTOS

Reads photos, or draws some; leaves a table on the terminal and shardscore-bench.json. Every variant of engine and
precision is measured once, then all of them again: with VGG16 three rounds take about half an hour on two cores.
"""

import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console

from jobs.bench.measurements import COLD_IMAGES, Measurements
from jobs.bench.request import BenchRequest, choose_variants, default_num_images
from jobs.bench.table import print_bench
from scoring.bench.machine import Machine, describe_machine
from scoring.bench.photos import gather_photos, scratch_folder
from scoring.bench.record import LEAST_IMAGES, BenchRecord, DecodeRates, write_record
from scoring.bench.results import bench_rows
from scoring.sources.inputs import find_images


def run_bench(request: BenchRequest, console: Console) -> None:
    """Measure everything in rounds, save after each, and print the table.

    Raises:
        RequestError: If the request makes no sense.
        IncompleteError: If a measurement fails.
        ClusterError: If Ray or its actors cannot start.
    """
    request.check()
    machine = describe_machine()
    num_images = request.num_images or default_num_images(machine)
    variants, left_out = choose_variants(request)
    with scratch_folder("shardscore-bench-") as scratch, _this_machine_alone():
        photos = gather_photos(request.images, scratch / "photos", num_images, LEAST_IMAGES)
        measuring = Measurements(request, variants, photos, scratch, console)
        for number in range(1, request.rounds + 1):
            console.print(f"round {number} of {request.rounds}")
            measuring.run_round()
            _save(request, machine, measuring, left_out)
    rows = bench_rows(measuring.runs, request.model.kind.flops_per_image)
    decode_rate = statistics.median(measuring.decode_rates)
    print_bench(console, machine, rows, decode_rate, left_out, measuring.worker)
    console.print(f"every run of the {request.rounds}: {request.json_path}")


@contextmanager
def _this_machine_alone() -> Iterator[None]:
    """Forget `RAY_ADDRESS`: it is this machine that is measured and described, not a cluster's."""
    address = os.environ.pop("RAY_ADDRESS", None)
    try:
        yield
    finally:
        if address is not None:
            os.environ["RAY_ADDRESS"] = address


def _save(request: BenchRequest, machine: Machine, measuring: Measurements, left_out: dict[str, str]) -> None:
    """Write all runs so far, and what follows from them."""
    flops = request.model.kind.flops_per_image
    record = BenchRecord(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine,
        worker=measuring.worker,
        request=request,
        num_images=len(find_images(measuring.photos).images),
        flops_per_image=flops,
        cold_images=COLD_IMAGES,
        decode_images_per_s_per_core=DecodeRates(statistics.median(measuring.decode_rates), measuring.decode_rates),
        variants=bench_rows(measuring.runs, flops),
        left_out=left_out,
    )
    write_record(request.json_path, record)
