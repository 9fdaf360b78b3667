"""`shardscore-bench.json`: its shape, and what an estimate reads of it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scoring.bench.machine import Machine
from scoring.bench.record import (
    BenchFigures,
    BenchRecord,
    DecodeRates,
    MeasuredVariant,
    WorkerShare,
    load_figures,
    write_record,
)
from scoring.bench.results import Variant, VariantRuns, bench_rows
from scoring.errors import RequestError
from scoring.models.model_request import ModelRequest
from scoring.networks.engines import EngineName
from scoring.networks.precision import Precision
from tests.fakes import FAKE_MODEL

_MACHINE = Machine("EPYC", 2, ("avx2",), 8_000_000_000, (), "Linux 6", {"python": "3.11.7"})


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """The record of one round of one variant."""

    @dataclass(frozen=True)
    class Request:
        model: ModelRequest
        images: Path

    runs = VariantRuns([309.4], [8.0], [7.6], [12.3], [{"Ray": 3.0}], [2e9], [1.5e8])
    record = BenchRecord(
        created_at="2026-11-22T15:21:34+00:00",
        machine=_MACHINE,
        worker=WorkerShare(2.0, 0.0),
        request=Request(FAKE_MODEL, Path("photos")),
        num_images=32,
        flops_per_image=None,
        cold_images=16,
        decode_images_per_s_per_core=DecodeRates(300.0, [300.0]),
        variants=bench_rows({Variant(EngineName.OPENVINO, Precision.INT8): runs}, None),
        left_out={"mnn float32": "it is not installed"},
    )
    write_record(tmp_path / "figures.json", record)
    return tmp_path / "figures.json"


def test_record_has_the_shape_that_0_1_0_wrote(stored: Path) -> None:
    record = json.loads(stored.read_text())
    assert list(record) == [
        *("created_at", "machine", "worker", "request", "num_images", "flops_per_image", "cold_images"),
        *("decode_images_per_s_per_core", "variants", "left_out"),
    ]
    assert record["worker"] == {"num_cpus": 2.0, "num_gpus": 0.0}
    assert record["request"]["images"] == "photos"
    (row,) = record["variants"]
    assert row["variant"] == {"engine": "openvino", "precision": "int8"}
    assert list(row) == [
        *("variant", "peak_gflops", "limit_images_per_s", "forward_images_per_s", "forward_of_limit"),
        *("job_images_per_s", "job_of_forward", "cold_s", "cold_phases_s", "worker_bytes", "driver_bytes", "runs"),
    ]
    assert row["runs"]["cold_phases_s"] == [{"Ray": 3.0}]


def test_an_estimate_reads_what_it_needs(stored: Path) -> None:
    variants = [MeasuredVariant("openvino int8", False, 8.0, 12.3, 7.6)]
    worker, day = WorkerShare(2.0, 0.0), "figures.json, 2026-11-22"
    assert load_figures(stored) == BenchFigures("fake", "EPYC", worker, 300.0, None, 16, variants, day)


def test_figures_of_a_gpu_machine_name_the_gpu_and_need_no_cold_command(stored: Path) -> None:
    record: dict[str, Any] = json.loads(stored.read_text())
    record["machine"]["gpus"] = ["NVIDIA L4, 23034 MiB"]
    record["worker"]["num_gpus"] = 1.0
    record["process_images_per_s"] = 1885.0
    del record["cold_images"], record["variants"][0]["cold_s"]
    stored.write_text(json.dumps(record))
    figures = load_figures(stored)
    assert (figures.device, figures.process_images_per_s) == ("NVIDIA L4, 23034 MiB", 1885.0)
    assert (figures.cold_images, figures.variants[0].cold_s) == (None, None)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "[" * 200_000, "null", "7", '{"worker": 1}', '{"worker": {"num_cpus": 2.0}}'], ids=repr
)
def test_a_file_that_bench_did_not_write_is_refused_in_one_line(stored: Path, content: str) -> None:
    stored.write_text(content)
    with pytest.raises(RequestError, match=r"Expected `json` to be a file that bench wrote; .* is none"):
        load_figures(stored)


@pytest.mark.parametrize("key", ["worker", "machine", "request", "decode_images_per_s_per_core", "variants"])
def test_what_a_record_lacks_is_named(stored: Path, key: str) -> None:
    record = json.loads(stored.read_text())
    del record[key]
    stored.write_text(json.dumps(record))
    with pytest.raises(RequestError, match=f"lacks '{key}'"):
        load_figures(stored)


@pytest.mark.parametrize("model", ["vgg16", None, [], 7])
def test_a_record_whose_model_is_no_model_of_a_record_is_refused_in_one_line(stored: Path, model: object) -> None:
    record = json.loads(stored.read_text())
    record["request"]["model"] = model
    stored.write_text(json.dumps(record))
    with pytest.raises(RequestError, match=r"Expected `json` to be a file that bench wrote; .* is none"):
        load_figures(stored)


def test_a_rate_too_large_for_a_number_is_refused_in_one_line(stored: Path) -> None:
    record = json.loads(stored.read_text())
    record["decode_images_per_s_per_core"]["median"] = 10**400
    stored.write_text(json.dumps(record))
    with pytest.raises(RequestError, match=r"Expected `json` to be a file that bench wrote; .* is none"):
        load_figures(stored)
