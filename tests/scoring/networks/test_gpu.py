import subprocess
import sys
from pathlib import Path

import pytest

from scoring.networks import gpu
from scoring.networks.gpu import compute_capability, unused_gpu
from tests.source_tree import ROOT


def _install_driver(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """A driver that is asked of the GPU 0, which this process was given."""
    driver = folder / "nvidia-smi"
    driver.write_text(f"#!/bin/sh\n{script}\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")


@pytest.fixture
def one_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that knows of a GPU 0, of which no backend here does."""
    _install_driver(
        tmp_path, monkeypatch, 'case "$*" in *"-i 1"*) echo No devices were found; exit 6;; *) echo 7.5;; esac'
    )
    monkeypatch.setitem(sys.modules, "keras", sys)  # stands for Keras, which has been imported


_IN_A_BACKEND = """
import sys
from scoring.networks.gpu import unused_gpu
from scoring.networks.keras_import import import_keras

assert unused_gpu(sys.argv[1]) is None, "no Keras yet"
import_keras(sys.argv[1])
print(unused_gpu(sys.argv[1]))
"""


@pytest.mark.keras
@pytest.mark.ci
@pytest.mark.usefixtures("one_gpu")
@pytest.mark.parametrize(("backend", "wanted"), [("tensorflow", "'shardscore[gpu]'"), ("jax", "a jax with CUDA")])
def test_a_gpu_that_was_given_and_that_keras_does_not_find_is_told_of(backend: str, wanted: str) -> None:
    assert compute_capability() == 7.5
    command = [sys.executable, "-c", _IN_A_BACKEND, backend]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.stdout.startswith("Ray gave GPU 0 of "), ended.stderr
    assert f"; {backend} finds no GPU there and computes on the processor. Install {wanted} and" in ended.stdout
    assert "or set `gpus_per_actor` to 0" in ended.stdout


@pytest.mark.usefixtures("one_gpu")
@pytest.mark.parametrize("given", ["1", "", "-1", None])
def test_gpus_that_are_pretended_or_not_reserved_are_not_asked_for(
    given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    if given is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    monkeypatch.setattr(gpu, "_finds_gpu", lambda: False)
    assert unused_gpu("tensorflow") is None


def test_a_driver_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _install_driver(tmp_path, monkeypatch, "exec sleep 60")
    monkeypatch.setattr(gpu, "_PATIENCE_S", 0.5)
    assert compute_capability() is None


@pytest.mark.usefixtures("one_gpu")
def test_engines_that_take_no_gpu_are_not_told_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_finds_gpu", lambda: pytest.fail("was asked"))
    assert unused_gpu("openvino") is None


@pytest.mark.parametrize("has_device", [True, False])
def test_a_gpu_whose_driver_does_not_answer_is_told_by_its_device_file(
    has_device: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpu, "_DEVICES", tmp_path)
    monkeypatch.setattr(gpu, "_finds_gpu", lambda: False)
    monkeypatch.setitem(sys.modules, "keras", sys)
    (tmp_path / ("nvidia0" if has_device else "nvidiactl")).touch()
    assert (unused_gpu("tensorflow") is not None) == has_device


@pytest.mark.usefixtures("one_gpu")
def test_a_gpu_that_the_backend_finds_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_finds_gpu", lambda: True)
    assert unused_gpu("tensorflow") is None
