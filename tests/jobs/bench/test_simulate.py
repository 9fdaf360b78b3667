import heapq
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from typer.testing import CliRunner

from cluster.ledger import TaskLedger
from jobs.bench.simulate import SimulateRequest, run_simulation
from jobs.cli import app
from jobs.console.terminal import console_for
from scoring.bench.parts import GPU_PARTS, Part, Parts, assumed_forward
from scoring.bench.scale import estimate
from scoring.errors import RequestError
from scoring.models.kinds import VGG16_CATS_DOGS
from scoring.models.model_request import ModelRequest
from scoring.networks.precision import Precision
from scoring.networks.vgg16 import VGG16_FLOPS

_MODEL = ModelRequest(VGG16_CATS_DOGS, "random", None, Precision.FLOAT32, "tensorflow")


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    """What a bench left on a machine without a GPU."""
    row = {"variant": {"engine": "keras", "precision": "bfloat16"}, "forward_images_per_s": 12.0, "cold_s": 13.0}
    record = {
        "created_at": "2026-11-20T10:00:00+00:00",
        "request": {"model": {"model": VGG16_CATS_DOGS}},
        "machine": {"processor": "EPYC", "gpus": []},
        "worker": {"num_cpus": 2.0, "num_gpus": 0.0},
        "cold_images": 16,
        "decode_images_per_s_per_core": {"median": 285.0},
        "variants": [row],
    }
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(record))
    return path


def _print(request: SimulateRequest, capsys: pytest.CaptureFixture[str]) -> str:
    run_simulation(request, console_for(True))
    return capsys.readouterr().out


def test_tables_fit_a_log_and_say_what_is_assumed(figures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = _print(SimulateRequest(_MODEL, json_path=figures, gpu_price=2.0, reads_per_s=1e6), capsys)
    rows = [line.split() for line in printed.splitlines()]
    assert ["1", "M", "1,000"] in [row[:3] for row in rows]
    assert "…" not in printed
    assert "assumed: half of an L4's data sheet" in printed
    assert "figures.json, 2026-11-20, EPYC, keras bfloat16" in printed
    assert "measurements.json, 2026-" in printed
    assert [row[:2] for row in rows if row[1:3] == ["M", "8"]] == [["1", "M"], ["100", "M"], ["1,000", "M"]]
    assert "bound by network: more or faster GPUs" in printed
    hours, cost = next(row[-3:-1] for row in rows if row[:3] == ["1", "M", "1,000"])
    assert float(cost) == pytest.approx(2 * float(hours), abs=0.02)


def test_limits_are_those_of_the_size_of_shards_that_is_asked_for(
    figures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = {}
    for size in (100, 10_000):
        printed = _print(SimulateRequest(_MODEL, json_path=figures, shard_size=size), capsys)
        (limits[size],) = set(re.findall(rf"alone, {size:,} a shard: .*driver ([0-9,]+)", printed))
    assert int(limits[10_000].replace(",", "")) == pytest.approx(100 * int(limits[100].replace(",", "")), rel=0.01)


def test_options_take_the_place_of_assumptions(figures: Path) -> None:
    request = SimulateRequest(_MODEL, None, 10_000_000, None, figures, 5000.0, 16.0, None, 1e9, 512)
    runs = run_simulation(request, Console(quiet=True))
    assert [(run.num_workers, run.num_shards) for run in runs] == [(1, 19532), (8, 19532), (1000, 19532), (1, 19532)]
    assert runs[0].images_per_s == pytest.approx(1885)  # one process, whatever its GPU
    assert runs[3].images_per_s == pytest.approx(1 / (1 / 12 + 1 / 570))


def test_collection_is_counted_weighed_and_decoded(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = _print(SimulateRequest(_MODEL, photos), capsys)
    assert [line.split()[:2] for line in printed.splitlines()[3:6]] == [["12", "1"], ["12", "8"], ["12", "1,000"]]
    assert "now on this machine, " in printed
    assert "photos of Kaggle" not in printed


@pytest.mark.parametrize("name", ["table.parquet", "table.pq", "table/part-0.parquet"])
def test_table_is_listed_as_one_and_its_sizes_are_assumed(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"path": [str(photo) for photo in sorted(photos.iterdir())]}), file)
    table = file if file.parent == tmp_path else file.parent
    printed = _print(SimulateRequest(_MODEL, table, 1_000_000_000), capsys)
    assert "tests/benchmarks/growth.py" in printed  # a table is listed faster than a bucket
    assert "photos of Kaggle" in printed  # their mean size


def test_figures_of_another_size_are_refused(figures: Path) -> None:
    with pytest.raises(RequestError, match=r"asked for, 240x320; .*figures\.json has those of the model's own"):
        run_simulation(SimulateRequest(replace(_MODEL, size=(240, 320)), json_path=figures), Console(quiet=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--simulate --num-images 0", "Expected --num-images from 1 to 1e+15; received 0"),
        ("--simulate --gpu-price 0", "Expected --gpu-price from 1e-09 to 1e+15; received 0"),
        ("--simulate --reads-per-s 1e400", "Expected --reads-per-s from 1e-09 to 1e+15; received inf"),
        ("--simulate --gpu-images-per-s 5e-324", "Expected --gpu-images-per-s from 1e-09 to 1e+15; received 4.9"),
        ("--simulate --json {0}/none.json", "none.json does not exist"),
        ("--simulate --json {0}/photos/1.png", "Expected --json to be a file that bench wrote"),
        ("--simulate --json {0}/figures.json --variant int9", "received 'int9', it has keras bfloat16"),
        ("--simulate --variant int9", "of --variant int9 in --json; shardscore-bench.json does not exist"),
        ("--simulate --variant mnn --variant keras", "Expected one --variant with --simulate; received mnn, keras"),
        ("--simulate --rounds 5", "--rounds belongs to measuring"),
        ("--simulate --json {0}/figures.json --model a.keras", "has vgg16-cats-dogs"),
        ("--simulate --model a.keras", "Expected --gpu-images-per-s with --model a.keras"),
        ("--simulate --images {0}/nowhere", "does not exist"),
        ("--gpu-price 1", "belong to --simulate"),
    ],
)
def test_nonsense_is_one_clear_line(
    figures: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["bench", *options.format(tmp_path).split()])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr


@pytest.mark.parametrize(("num_images", "num_workers"), [(12_500, 8), (12_500, 1000), (1_000_000, 1000)])
def test_tail_is_that_of_the_ledger_which_hands_the_shards_out(num_images: int, num_workers: int) -> None:
    plenty = ("decode_images_per_s", "process_images_per_s", "reads_per_s", "writes_per_s", "driver_shards_per_s")
    known: dict[str, Any] = {**GPU_PARTS, **dict.fromkeys(plenty, Part(1e12, "a test"))}
    known["forward_images_per_s"] = assumed_forward(VGG16_FLOPS)
    run = estimate(Parts(**known), num_images, num_workers)
    shard_s = 256 / known["forward_images_per_s"].value
    ended_s = _play(run.num_shards, num_workers, shard_s)
    assert ended_s == pytest.approx(run.score_s + run.tail_s)


def _play(num_shards: int, num_workers: int, shard_s: float) -> float:
    """Let workers take two shards each from the ledger, one at work and one read ahead; when the last is done."""
    ledger = TaskLedger(range(num_shards), max_attempts=3)
    held: list[list[int]] = [[] for _ in range(num_workers)]
    ends: list[tuple[float, int]] = []

    def take(worker: int, now: float) -> None:
        while len(held[worker]) < 2 and (given := ledger.assign(worker, len(held[worker]))) is not None:
            held[worker].append(given.task)
        if held[worker]:
            heapq.heappush(ends, (now + shard_s, worker))

    for worker in range(num_workers):
        take(worker, 0.0)
    now = 0.0
    while ledger.is_open:
        now, worker = heapq.heappop(ends)
        ledger.done(held[worker].pop(0))
        take(worker, now)
    return now
