from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from scoring.bench.parts import GPU_PARTS, Part, Parts, measured_parts
from scoring.bench.record import BenchFigures, MeasuredVariant, WorkerShare
from scoring.bench.scale import REMEDIES, Bottleneck, estimate, stage_rates
from scoring.bench.stored import stored_measurements
from scoring.errors import RequestError
from tests.source_tree import ROOT


def _part(value: float) -> Part:
    return Part(value, "a test")


# 100 images/s a worker, a shard of 200 in 2 s.
_PARTS = Parts(
    forward_images_per_s=_part(100),
    decode_images_per_s=_part(60),
    cores=_part(2),
    process_images_per_s=_part(1e3),
    image_bytes=_part(1e6),
    read_bytes_per_s=_part(1e9),
    reads_per_s=_part(1e6),
    writes_per_s=_part(1e4),
    list_s=_part(1e-3),
    start_s=_part(10),
    open_s=_part(0.01),
    driver_shards_per_s=_part(1e3),
    verify_shard_s=_part(0.02),
    verify_s=_part(1e-4),
)


def test_wall_time_is_setup_then_all_shards_then_the_last_round() -> None:
    run = estimate(_PARTS, num_images=2000, num_workers=4, shard_size=200)
    assert run.num_shards == 10
    assert run.setup_s == pytest.approx(10 + 10 * 0.01)
    assert run.score_s == pytest.approx(2000 / 400)
    assert run.tail_s == pytest.approx(3 * 2 - 5)  # three rounds of 2 s, the third for two workers of four
    assert run.verify_s == pytest.approx(10 * 0.02 + 2000 * 1e-4)
    assert run.wall_s == pytest.approx(16.5)
    assert run.worker_hours == pytest.approx(4 * 16.5 / 3600)


def test_workers_without_a_shard_add_nothing_but_their_hours() -> None:
    few, many = (estimate(_PARTS, 400, workers, shard_size=200) for workers in (2, 1000))
    assert few.tail_s == pytest.approx(0)
    assert many.wall_s == pytest.approx(few.wall_s)
    assert many.worker_hours == pytest.approx(500 * few.worker_hours)


@pytest.mark.parametrize(
    ("changed", "num_images", "num_workers", "bottleneck"),
    [
        ({}, 100_000, 1, Bottleneck.FORWARD),
        ({"cores": 1}, 100_000, 1, Bottleneck.DECODE),
        ({"process_images_per_s": 50}, 100_000, 1, Bottleneck.PROCESS),
        ({"read_bytes_per_s": 5e7}, 100_000, 1, Bottleneck.BANDWIDTH),
        ({"reads_per_s": 50}, 100_000, 1, Bottleneck.READS),
        ({"writes_per_s": 0.1}, 100_000, 1, Bottleneck.WRITES),
        ({"driver_shards_per_s": 0.1}, 100_000, 1, Bottleneck.DRIVER),
        ({}, 100_000, 1000, Bottleneck.LISTING),
        ({}, 100, 1, Bottleneck.START),
        ({"start_s": 0, "list_s": 0}, 2000, 100, Bottleneck.TAIL),
        ({"verify_shard_s": 10}, 100_000, 100, Bottleneck.VERIFY),
    ],
)
def test_bottleneck_is_what_takes_longest(
    changed: dict[str, float], num_images: int, num_workers: int, bottleneck: Bottleneck
) -> None:
    others: dict[str, Any] = {name: _part(value) for name, value in changed.items()}
    parts = replace(_PARTS, **others)
    assert estimate(parts, num_images, num_workers, shard_size=200).bottleneck is bottleneck


def test_more_of_what_holds_a_run_up_makes_it_faster() -> None:
    slow = estimate(_PARTS, 100_000, 1, shard_size=200)
    assert estimate(replace(_PARTS, forward_images_per_s=_part(200)), 100_000, 1, 200).wall_s < slow.wall_s
    assert estimate(replace(_PARTS, reads_per_s=_part(1e9)), 100_000, 1, 200).wall_s == slow.wall_s


def test_decoding_takes_the_networks_cores_where_there_is_no_gpu() -> None:
    rates = stage_rates(replace(_PARTS, on_gpu=False), num_workers=3, shard_size=200)
    assert rates[Bottleneck.FORWARD] == pytest.approx(3 / (1 / 100 + 1 / 120))
    assert stage_rates(_PARTS, 3, 200)[Bottleneck.FORWARD] == 300


def test_every_bottleneck_has_a_remedy_and_every_assumption_its_source() -> None:
    assert set(REMEDIES) == set(Bottleneck)
    assert all(part.source for part in GPU_PARTS.values())


def test_what_was_measured_names_its_file_and_its_day_and_what_measured_it_is_there() -> None:
    measured = stored_measurements()
    for one in measured.values():
        assert date.fromisoformat(one.date).year >= 2026
        script = one.benchmark.partition(":")[0]
        assert not script.startswith("tests/") or (ROOT / script).is_file()
    assert all("measurements.json, 2026-" in GPU_PARTS[name].source for name in measured if name in GPU_PARTS)
    assert not GPU_PARTS["list_s"].assumed


def _figures(num_gpus: float, process_images_per_s: float | None = None) -> BenchFigures:
    measured = [("keras", "float32", 7.0, 15.0), ("keras", "bfloat16", 12.0, 14.0), ("openvino", "int8", 28.0, 20.0)]
    return BenchFigures(
        model="vgg16-imagenet",
        device="L4" if num_gpus else "EPYC",
        worker=WorkerShare(2.0, num_gpus),
        decode_images_per_s=285.0,
        process_images_per_s=process_images_per_s,
        cold_images=16,
        variants=[
            MeasuredVariant(f"{engine} {precision}", engine == "keras", forward, cold)
            for engine, precision, forward, cold in measured
        ],
    )


def test_parts_are_those_that_a_bench_measured() -> None:
    parts = measured_parts(_figures(0.0), None)
    assert (parts.forward_images_per_s.value, parts.decode_images_per_s.value, parts.cores.value) == (12.0, 285.0, 2.0)
    assert parts.start_s.value == pytest.approx(14.0 - 16 / 12.0)
    assert parts.reads_per_s.value == float("inf")  # photos on its own disk
    assert parts.process_images_per_s == GPU_PARTS["process_images_per_s"]
    assert not parts.on_gpu
    assert measured_parts(_figures(0.0), "openvino int8").forward_images_per_s.value == 28.0
    on_gpu = measured_parts(_figures(1.0, process_images_per_s=900.0), None)
    assert on_gpu.on_gpu
    assert on_gpu.process_images_per_s.value == 900.0
    assert (on_gpu.forward_images_per_s.source, on_gpu.reads_per_s.assumed) == ("bench, L4, keras bfloat16", True)


def test_a_variant_that_was_not_measured_is_refused_with_those_that_were() -> None:
    with pytest.raises(RequestError, match="received 'keras int8', it has keras float32, keras bfloat16, openvino"):
        measured_parts(_figures(0.0), "keras int8")
