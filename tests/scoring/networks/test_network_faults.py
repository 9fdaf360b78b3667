"""What a backend raises of a network is one line on it; what it raises of a device or memory stays what it is."""

from typing import Any

import numpy as np
import pytest

from scoring.errors import ModelError
from scoring.networks import keras_engine
from scoring.networks.keras_engine import forward


class _LibrarysError(RuntimeError):
    """As JAX and, for GPUs, PyTorch have classes of their own."""


_LAYER = "Exception encountered when calling Embedding.call().\n\n\x1b[1m{}\x1b[0m\n\nArguments received by x:\n  y"
_OF_THE_NETWORK = [  # as PyTorch 2.14 and JAX 0.10 say it on a processor
    IndexError(_LAYER.format("index out of range in self")),
    RuntimeError(_LAYER.format("shape '[5, 3, 3]' is invalid for input of size 9")),
    RuntimeError(_LAYER.format("Input type (torch.cuda.FloatTensor) and weight type (torch.cuda.DoubleTensor)")),
    NotImplementedError(_LAYER.format("map_coordinates currently requires order<=1")),
    _LibrarysError("INVALID_ARGUMENT: Executable expected shape f32[5] for argument 0"),
]
_OF_THE_DEVICE = [
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError(_LAYER.format("DefaultCPUAllocator: not enough memory: you tried to allocate 40000 bytes.")),
    RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
    RuntimeError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("FIND was unable to find an engine to execute this computation"),
    _LibrarysError(_LAYER.format("CUDA out of memory. Tried to allocate 2.00 GiB.")),
    _LibrarysError("RESOURCE_EXHAUSTED: Out of memory allocating 400000000000000 bytes."),
    _LibrarysError("CUDA error: device-side assert triggered"),
    MemoryError("Unable to allocate 9 GiB"),
]


def _run(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(images: Any) -> Any:
        raise error

    monkeypatch.setattr(keras_engine, "_backends_forward", lambda _: begin)
    forward(None)(np.zeros((5, 2, 2, 3), np.uint8))


@pytest.mark.parametrize("error", _OF_THE_NETWORK)
def test_what_a_backend_raises_of_a_network_is_one_line_on_it(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelError) as refused:
        _run(error, monkeypatch)
    assert str(refused.value).startswith("Expected a network that Keras can run on a batch of 5; it cannot this one: ")
    assert not {"\x1b", "\n"} & set(str(refused.value))
    assert "Arguments received" not in str(refused.value)


@pytest.mark.parametrize("error", _OF_THE_DEVICE)
def test_what_a_backend_raises_of_a_device_stays_what_it_is(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(type(error)) as raised:
        _run(error, monkeypatch)
    assert raised.value is error
