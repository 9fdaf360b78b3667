import json
import os
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from cluster.nodes import Node
from cluster.placement import Placement, WorkerRequest, plan_placement
from jobs.bench.cold_command import ColdJob, score_cold
from jobs.bench.job import run_bench
from jobs.bench.one_worker import place_alone, run_alone
from jobs.bench.request import BenchRequest
from jobs.cli import app
from jobs.console.terminal import console_for
from jobs.score.model_options import model_words
from scoring.bench.bare_rates import BareForward, DecodeRate
from scoring.bench.results import VARIANTS
from scoring.errors import IncompleteError, ModelError, RequestError
from scoring.models.kinds import VGG16_CATS_DOGS
from scoring.models.model_request import ModelRequest
from scoring.models.output_meaning import OutputMeaning
from scoring.networks.pixel_scales import PixelScale
from scoring.networks.precision import Precision, PrecisionChoice
from tests.source_tree import ROOT

_MODEL = ModelRequest(VGG16_CATS_DOGS, "random", None, Precision.FLOAT32, "tensorflow")


@dataclass
class _Measurements:
    """Stands in for Ray and the clock; remembers what was measured, in order."""

    order: list[str] = field(default_factory=list)

    def run_alone(self, recipe: Any, tasks: list[int], placement: Placement) -> list[float]:
        kind = recipe.func
        if kind is DecodeRate:
            return [300.0]
        if kind is BareForward:
            return [8.0]
        self.order.append(f"{recipe.args[0]} {recipe.args[1]}")
        return [309.4]

    def score_alone(self, *_: object) -> Any:
        return SimpleNamespace(steady_images_per_s=7.6, worker_memory_bytes=2_000_000_000)

    def score_cold(self, images: Path, output: Path, model: ModelRequest) -> ColdJob:
        assert len(list(images.rglob("*.jpg"))) == 16
        phases_s = {"Python": 1.5, "Ray": 3.0, "exit": 7.8}
        return ColdJob(12.3, steady_images_per_s=None, worker_bytes=1, driver_bytes=150_000_000, phases_s=phases_s)


@pytest.fixture
def measurements(monkeypatch: pytest.MonkeyPatch) -> _Measurements:
    fake = _Measurements()
    monkeypatch.setattr("jobs.bench.rates.run_alone", fake.run_alone)
    monkeypatch.setattr("jobs.bench.rates.score_alone", fake.score_alone)
    monkeypatch.setattr("jobs.bench.measurements.score_cold", fake.score_cold)
    monkeypatch.setattr("jobs.bench.measurements.open_session", lambda address: nullcontext())
    monkeypatch.setattr("jobs.bench.measurements.place_alone", lambda: Placement(1, 0.0, 2.0))
    for engine in ("mnn", "openvino"):
        monkeypatch.setattr(f"scoring.networks.engine_choice.check_{engine}", lambda precision: None)
    bfloat16 = PrecisionChoice(Precision.BFLOAT16, "the processor has avx512_bf16")
    monkeypatch.setattr("jobs.bench.request.choose_precision", lambda asked, runtime: bfloat16)
    return fake


def _bench(tmp_path: Path, capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[str, dict[str, Any]]:
    """What was printed, in 80 columns as in a log, and what was stored."""
    request = BenchRequest(_MODEL, num_images=64, json_path=tmp_path / "figures.json", **options)
    run_bench(request, console_for(True))
    return capsys.readouterr().out, json.loads(request.json_path.read_text())


def test_every_variant_is_measured_once_before_any_is_measured_again(
    measurements: _Measurements, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _bench(tmp_path, capsys, rounds=2)
    named = [str(variant) for variant in VARIANTS]
    assert measurements.order == [*named, *named]


def test_table_fits_a_log_and_shows_rates_beside_their_limits(
    measurements: _Measurements, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed, _ = _bench(tmp_path, capsys, rounds=1)
    row = next(line for line in printed.splitlines() if line.startswith("openvino bfloat16 "))
    assert row.split() == [
        "openvino",
        "bfloat16",
        "309",
        "10.00",
        "8.00",
        "0.80",
        "7.60",
        "0.95",
        "12.3",
        "2000",
        "150",
    ]
    assert "decoding: 300 images/s per core" in printed
    assert "one actor with 2 cores and 0 GPUs" in printed
    assert "keras float32 1.5 3.0 7.8" in " ".join(printed.split())


def test_figures_are_stored_with_every_run_and_the_machine(
    measurements: _Measurements, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, stored = _bench(tmp_path, capsys, rounds=3, variants=("openvino int8",))
    (variant,) = stored["variants"]
    assert variant["variant"] == {"engine": "openvino", "precision": "int8"}
    assert variant["runs"]["cold_s"] == [12.3] * 3
    assert variant["job_of_forward"] == pytest.approx(0.95)
    assert stored["decode_images_per_s_per_core"] == {"median": 300.0, "runs": [300.0] * 3}
    assert {"processor", "num_cores", "flags", "memory_bytes", "versions"} <= set(stored["machine"])
    assert stored["worker"] == {"num_cpus": 2.0, "num_gpus": 0.0}


def test_folders_above_the_figures_are_made(measurements: _Measurements, tmp_path: Path) -> None:
    figures = tmp_path / "figures" / "of" / "today.json"
    words = ["bench", "--rounds", "1", "--num-images", "64", "--variant", "keras float32", "--json", str(figures)]
    ended = CliRunner().invoke(app, words)
    assert ended.exit_code == 0, ended.output
    assert len(json.loads(figures.read_text())["variants"]) == 1


def test_what_cannot_be_measured_is_left_out_with_its_reason(
    measurements: _Measurements, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(precision: Precision) -> None:
        raise ModelError("--engine openvino needs openvino.")

    monkeypatch.setattr("scoring.networks.engine_choice.check_openvino", refuse)
    slow = PrecisionChoice(Precision.FLOAT32, "the processor has no bfloat16 units")
    monkeypatch.setattr("jobs.bench.request.choose_precision", lambda asked, runtime: slow)
    printed, stored = _bench(tmp_path, capsys, rounds=1)
    assert measurements.order == ["keras float32", "mnn float32"]
    assert "left out keras bfloat16: the processor has no bfloat16 units" in printed
    assert "left out openvino int8: --engine openvino needs openvino." in printed
    assert len(stored["left_out"]) == 4
    with pytest.raises(RequestError, match="Nothing of what was asked for can be measured here"):
        _bench(tmp_path, capsys, variants=("openvino int8",))


def test_fewer_than_two_batches_are_refused(
    measurements: _Measurements, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.bench.measurements.place_alone", lambda: Placement(1, 1.0, 2.0))  # 64 images a batch
    with pytest.raises(RequestError, match="Expected `num_images` of at least two batches of 64"):
        _bench(tmp_path, capsys)


def test_a_configured_cluster_is_not_measured_but_this_machine(
    measurements: _Measurements, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    seen: list[str | None] = []

    def look(address: str | None) -> Any:
        seen.append(os.environ.get("RAY_ADDRESS"))
        return nullcontext()

    monkeypatch.setattr("jobs.bench.measurements.open_session", look)
    _bench(tmp_path, capsys, rounds=1, variants=("keras float32",))
    assert seen == [None]
    assert os.environ["RAY_ADDRESS"] == "head:6379"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--rounds 0", "Expected --rounds of at least 1; received 0"),
        ("--num-images 8", "Expected --num-images of at least 64; received 8"),
        ("--variant openvino", "Expected --variant to be one of keras float32, "),
        ("--json {0}/labels.json/new/figures.json", "labels.json is no folder"),
        ("--json {0}/unmounted/figures.json", "unmounted is no folder"),
        ("--json {0}/photos", "photos is a folder. Name a file in it."),
        ("--json {0}/photos/1.png", "1.png is another file, which it would replace"),
        ("--json {0}/labels.json", "labels.json is another file, which it would replace"),
        ("--model vgg17", "received 'vgg17'"),
        ("--images {0}/nowhere", "does not exist"),
        ("--images {0}/photos", "Expected at least 64 readable photos to measure with"),
    ],
)
def test_nonsense_is_one_clear_line_before_ray_starts(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str, message: str
) -> None:
    monkeypatch.setattr("jobs.bench.measurements.open_session", lambda address: pytest.fail("Ray was started"))
    (tmp_path / "labels.json").write_text('{"0": "cat"}')
    (tmp_path / "unmounted").symlink_to(tmp_path / "disk")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["bench", *options.format(tmp_path).split()])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr


def test_cold_command_that_fails_is_told_by_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(IncompleteError, match=r"failed, saying: error: .*nowhere does not exist"):
        score_cold(tmp_path / "nowhere", tmp_path / "run", _MODEL)


_STOPPED = """#!/bin/sh
trap 'echo its Ray too > ended; exit 143' TERM
touch begun
while :; do sleep 0.05; done
"""


_MEASURES = """
import sys
from pathlib import Path
from jobs.bench import cold_command
from jobs.console.exit_codes import exit_codes
from jobs.console.stop_signals import stop_signals
from scoring.models.model_request import ModelRequest
from scoring.networks.precision import Precision

with exit_codes():
    stop_signals.install()
    cold_command._ROOT, sys.executable = Path(sys.argv[1]), sys.argv[2]
    model = ModelRequest("a.keras", None, None, Precision.FLOAT32, "tensorflow")
    cold_command.score_cold(Path(), Path(), model)
"""


def test_a_cold_command_is_stopped_with_the_one_that_measures_it(tmp_path: Path) -> None:
    """Killed, it would leave parts of its Ray."""
    python = tmp_path / "python"
    python.write_text(_STOPPED)
    python.chmod(0o755)
    command = [sys.executable, "-c", _MEASURES, str(tmp_path), str(python)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as measuring:
        while not (tmp_path / "begun").exists():
            time.sleep(0.05)
            assert measuring.poll() is None
        time.sleep(0.2)  # until it is waited for
        measuring.terminate()
        _, told = measuring.communicate(timeout=60)
    assert measuring.returncode == 143, told
    assert (tmp_path / "ended").read_text() == "its Ray too\n"


_TOLD = ModelRequest(
    "a.keras",
    None,
    "cat,dog",
    Precision.FLOAT32,
    "tensorflow",
    outputs=OutputMeaning.LOGITS,
    output_name="head",
    size=(240, 320),
    pixels=PixelScale.TORCH,
)


def test_a_cold_command_has_all_that_describes_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(command: list[str]) -> Any:
        commands.append(command)
        return SimpleNamespace(returncode=1, stderr="", stdout="")

    monkeypatch.setattr("jobs.bench.cold_command._run", run)
    with pytest.raises(IncompleteError):
        score_cold(tmp_path, tmp_path / "run", _TOLD)
    asked: list[ModelRequest] = []
    monkeypatch.setattr("jobs.score.command.run_score", lambda request, *_: asked.append(request.images.model))
    ended = CliRunner().invoke(app, commands[0][3:])
    assert asked == [_TOLD.absolute()], ended.output


def test_words_for_a_model_are_the_same_request_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ModelRequest] = []
    monkeypatch.setattr("jobs.bench.command.run_bench", lambda request, _: asked.append(request.model))
    for model in (_MODEL, _TOLD):
        assert CliRunner().invoke(app, ["bench", *model_words(model)]).exit_code == 0
    assert asked == [_MODEL, _TOLD]


class _Halves:
    """Halves even numbers."""

    def __init__(self, startable: bool) -> None:
        if not startable:
            raise ModelError("no such model")

    def __call__(self, number: int) -> int:
        if number % 2:
            raise ValueError(f"{number} is odd")
        return number // 2


@pytest.mark.ci
@pytest.mark.ray
def test_measurement_in_a_worker_returns_its_results_or_raises_its_fault(two_nodes: None) -> None:
    placement = Placement(1, 0.0, 1.0)
    assert sorted(run_alone(partial(_Halves, True), [4, 6], placement)) == [2, 3]
    with pytest.raises(IncompleteError, match="A measurement failed: 3 is odd"):
        run_alone(partial(_Halves, True), [3], placement)
    with pytest.raises(ModelError, match="no such model"):
        run_alone(partial(_Halves, False), [4], placement)


@pytest.mark.parametrize("cores", [2, 10, 12, 14, 20, 48])
def test_the_actor_that_is_measured_has_the_size_of_those_that_score(
    monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    nodes = [Node(num_cpus=cores, num_gpus=0)]
    monkeypatch.setattr("jobs.bench.one_worker.cluster_nodes", lambda: nodes)
    assert place_alone() == Placement(1, 0.0, plan_placement(nodes, WorkerRequest()).cpus_per_worker)
