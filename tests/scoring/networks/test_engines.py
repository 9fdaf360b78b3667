import os

import pytest

from scoring.errors import RequestError
from scoring.networks.engines import keras_backend, num_threads


@pytest.mark.parametrize(
    ("told", "expected"), [("3", 3), ("4,2", 4), (" 2 ", 2), ("", None), ("0", None), ("all", None)]
)
def test_threads_are_those_of_the_outermost_loops_or_one_for_each_core(
    told: str, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert num_threads() == (expected or os.cpu_count())


@pytest.mark.parametrize(("told", "expected"), [(None, "tensorflow"), ("", "tensorflow"), ("jax", "jax")])
def test_backend_is_the_environments_or_tensorflow(
    told: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if told is not None:
        monkeypatch.setenv("KERAS_BACKEND", told)
    assert keras_backend() == expected


@pytest.mark.parametrize("told", ["numpy", "openvino", "TensorFlow", "theano"])
def test_backend_that_does_not_run_every_command_is_refused(told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", told)
    with pytest.raises(RequestError, match=f"one of tensorflow, jax, torch; received '{told}'"):
        keras_backend()
