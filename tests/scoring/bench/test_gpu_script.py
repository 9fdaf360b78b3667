import importlib.util
import os
import subprocess
import sys
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest

from scoring.arrays import Float32Array, UInt8Array
from scoring.bench.parts import measured_parts
from scoring.bench.record import load_figures
from scoring.models.classifier import Classifier
from scoring.models.model_request import ModelRequest
from tests.benchmarks import gpu
from tests.fakes import FAKE_MODEL, FakeEngine, load_fake

_ROOT = Path(__file__).parents[3]


def test_script_needs_nothing_that_a_gpu_machine_lacks() -> None:
    code = (
        "import sys\n"
        "for name in ('ray', 'rich', 'typer', 'tensorflow', 'sklearn', 'scipy', 'matplotlib', 'jinja2', 'openvino'):\n"
        "    sys.modules[name] = None\n"  # importing it fails
        "from tests.benchmarks import gpu\n"
        "import scoring.bench.machine, scoring.bench.matrix_peak, scoring.bench.photos, scoring.bench.results\n"
        "import scoring.models.model_request, scoring.shards.scorer\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=_ROOT, check=True)


def test_what_is_missing_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("natsort", "jax") else name)
    with pytest.raises(SystemExit) as told:
        gpu._check_packages("jax")
    assert str(told.value) == ("error: these packages are missing here: natsort, jax. Install them, or carry wheels.")


class _SmallGpu(FakeEngine):
    """Has room for eight images."""

    def score(self, images: UInt8Array) -> Float32Array:
        if len(images) > 8:
            raise RuntimeError("out of memory")
        return super().score(images)


def test_batch_sizes_are_measured_until_one_does_not_fit(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(request: ModelRequest) -> Classifier:
        return replace(load_fake(request), engine=_SmallGpu())

    monkeypatch.setattr(gpu, "_load_once", load)
    monkeypatch.setattr(gpu, "_gpu_bytes", lambda backend: None)
    monkeypatch.setattr(gpu, "_FORWARD_S", 0.01)
    monkeypatch.setattr(gpu, "_SHARD_SIZE", 8)
    options = Namespace(num_images=30, batch_sizes=[4, 8, 16, 32], decode_threads=[1, 2], decode_processes=0)
    rows = list(gpu.batch_rates(FAKE_MODEL, photos, tmp_path, options))
    assert [row.batch_size for row in rows] == [4, 8]
    assert all(row.forward_images_per_s > 0 < row.job_images_per_s for row in rows)
    assert "batches of 16 do not work here: out of memory" in capsys.readouterr().out
    assert len(list((tmp_path / "run-4" / "predictions").iterdir())) == 4  # 24 images at least, 30 asked for


def test_a_process_is_measured_with_pictures_that_cost_nothing_to_decode(tmp_path: Path) -> None:
    assert gpu.process_rate(tmp_path / "tiny", threads=2, count=16) > 0
    assert len(list((tmp_path / "tiny").iterdir())) == 16


@pytest.mark.slow
@pytest.mark.keras
def test_script_runs_and_its_figures_can_be_simulated(data_folder: Path, tmp_path: Path) -> None:
    model, figures = data_folder / "models" / "cat_dog_squeezenet.keras", tmp_path / "figures.json"
    command: list[str | Path] = [sys.executable, "-m", "tests.benchmarks.gpu"]
    command += ["--images", data_folder / "photos" / "train", "--num-images", "768", "--batch-sizes", "16"]
    command += ["--model", model, "--labels", "cat,dog", "--matrix-size", "256", "--json", figures]
    ended = subprocess.run(
        command, cwd=_ROOT, env={**os.environ, "KERAS_BACKEND": "jax"}, capture_output=True, text=True, check=True
    )
    assert "of the network" in ended.stdout
    parts = measured_parts(load_figures(figures), None)
    assert 0 < parts.forward_images_per_s.value < parts.process_images_per_s.value
