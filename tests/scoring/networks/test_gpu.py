import subprocess
import sys
from pathlib import Path

import pytest

from scoring.errors import ModelError
from scoring.networks import gpu
from scoring.networks.engine_choice import load_engine
from scoring.networks.engines import EngineName, Network
from scoring.networks.gpu import check_gpu, compute_capability
from scoring.networks.precision import ASKED_FOR, Precision, PrecisionChoice
from tests.source_tree import ROOT

_FLOAT32 = PrecisionChoice(Precision.FLOAT32, ASKED_FOR)


@pytest.fixture
def one_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that knows of a GPU 0, of which no backend here does."""
    driver = tmp_path / "nvidia-smi"
    driver.write_text('#!/bin/sh\ncase "$*" in *"-i 1"*) echo No devices were found; exit 6;; *) echo 7.5;; esac\n')
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")


@pytest.mark.keras
@pytest.mark.usefixtures("one_gpu")
def test_keras_that_does_not_find_the_gpu_that_was_reserved_does_not_compute_without_it() -> None:
    assert compute_capability() == 7.5
    network = Network("digest", lambda: pytest.fail("was built"))
    with pytest.raises(ModelError, match=r"Expected tensorflow to find GPU 0 of .*shardscore\[gpu\].*`gpus_per_actor`"):
        load_engine(EngineName.KERAS, _FLOAT32, "tensorflow", lambda: network)


_IN_JAX = """
from scoring.networks.gpu import check_gpu
from scoring.networks.keras_import import import_keras

import_keras("jax")
check_gpu("jax")
"""


@pytest.mark.keras
@pytest.mark.ci
@pytest.mark.usefixtures("one_gpu")
def test_jax_is_asked_as_well() -> None:
    ended = subprocess.run([sys.executable, "-c", _IN_JAX], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "Expected jax to find GPU 0" in ended.stderr
    assert "Install a jax with CUDA" in ended.stderr


@pytest.mark.usefixtures("one_gpu")
@pytest.mark.parametrize("given", ["1", "", "-1", None])
def test_gpus_that_are_pretended_or_not_reserved_are_not_asked_for(
    given: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    if given is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    monkeypatch.setattr(gpu, "_finds_gpu", lambda: pytest.fail("was asked"))
    check_gpu("tensorflow")


@pytest.mark.parametrize("has_device", [True, False])
def test_a_gpu_whose_driver_does_not_answer_is_told_by_its_device_file(
    has_device: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(gpu, "_DEVICES", tmp_path)
    monkeypatch.setattr(gpu, "_finds_gpu", lambda: False)
    (tmp_path / ("nvidia0" if has_device else "nvidiactl")).touch()
    if not has_device:
        check_gpu("tensorflow")
        return
    with pytest.raises(ModelError, match="Expected tensorflow to find GPU 0"):
        check_gpu("tensorflow")


@pytest.mark.usefixtures("one_gpu")
def test_a_gpu_that_the_backend_finds_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_finds_gpu", lambda: True)
    check_gpu("tensorflow")
