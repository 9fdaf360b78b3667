"""What runs a network's forward pass: the protocol every engine keeps, its precision, and the Keras engine.

Keras is imported only when an engine is built, on the machine that runs it.
"""

import os
import platform
import subprocess
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.images import IMAGE_SIZE

if TYPE_CHECKING:
    import keras

_BACKEND_PACKAGES = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch", "openvino": "openvino"}


class Precision(StrEnum):
    """The number format of the network's inner layers; its output is float32 always."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Engine(Protocol):
    """A loaded network of one batch shape."""

    def score(self, images: UInt8Array) -> Float32Array:
        """Score one batch.

        Args:
            images: RGB pixels, 0 to 255, shape (batch_size, 224, 224, 3). Left unchanged.

        Returns:
            The network's outputs, shape (batch_size, num_outputs).
        """
        ...


class KerasEngine:
    """A Keras model run by whichever backend Keras has."""

    def __init__(self, model: "keras.Model", precision: Precision, exact_outputs: bool = True) -> None:
        """Make `model`, which takes pixels 0 to 255, ready for uint8 batches.

        Args:
            model: Any number type of pixels; its policies are changed.
            precision: For its inner layers.
            exact_outputs: Compute the last layer with weights and all that follows (logits, softmax) in float32.
        """
        import keras

        _set_precision(model, precision, exact_outputs)
        pixels = keras.Input((IMAGE_SIZE, IMAGE_SIZE, 3), dtype="uint8")
        self._model = keras.Model(pixels, model(keras.ops.cast(pixels, model.inputs[0].dtype)))

    def score(self, images: UInt8Array) -> Float32Array:
        """Score one batch; see `Engine.score`."""
        return np.asarray(self._model.predict_on_batch(images), dtype=np.float32)


def keras_backend() -> str:
    """The backend that Keras will use in this process: `KERAS_BACKEND`, or tensorflow."""
    return os.environ.get("KERAS_BACKEND") or "tensorflow"


def use_backend(backend: str) -> None:
    """Let Keras use this backend in this process; it reads the name at its first import."""
    os.environ["KERAS_BACKEND"] = backend


def resolve_precision(precision: Precision, backend: str) -> Precision:
    """The precision itself, or what `auto` means on this process' device."""
    return pick_precision(backend) if precision is Precision.AUTO else precision


def engine_name(backend: str) -> str:
    """The engine's name in fingerprints: results of two engines differ in the last digits."""
    return f"keras-{backend}"


def engine_versions(backend: str) -> dict[str, str]:
    """Versions of the libraries that shape the numbers."""
    packages = ["keras", _BACKEND_PACKAGES.get(backend, backend), "pillow", "numpy"]
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # tensorflow-cpu, a build from source
        return "unknown"


def pick_precision(backend: str) -> Precision:
    """The fastest precision that this process' device computes natively and that keeps float32's range if it can.

    GPUs of compute capability 8.0 (Ampere) on have bfloat16 units, from 7.0 (Volta) on float16 units. A processor
    with AVX512-BF16 or AMX runs bfloat16 at twice float32's rate under TensorFlow (oneDNN), not under the others.
    """
    capability = _compute_capability()
    if capability is not None:
        if capability >= 8.0:
            return Precision.BFLOAT16
        return Precision.FLOAT16 if capability >= 7.0 else Precision.FLOAT32
    if backend == "tensorflow" and _cpu_flags() & {"avx512_bf16", "amx_bf16"}:
        return Precision.BFLOAT16
    return Precision.FLOAT32


def _compute_capability() -> float | None:
    """The lowest compute capability among the GPUs that this process may use; None without one."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return None
    query = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        output = subprocess.run([*query, *(["-i", visible] if visible else [])], capture_output=True, text=True)
        return min((float(line) for line in output.stdout.split()), default=None)
    except (OSError, ValueError):  # no NVIDIA driver here
        return None


def _cpu_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        return set()
    return next((set(line.split(":")[1].split()) for line in lines if line.startswith("flags")), set())


def _set_precision(model: "keras.Model", precision: Precision, exact_outputs: bool) -> None:
    """Compute every layer in `precision`; for exact outputs, from the last layer with weights on in float32."""
    import keras

    mixed = {Precision.BFLOAT16: "mixed_bfloat16", Precision.FLOAT16: "mixed_float16"}
    policy = keras.dtype_policies.DTypePolicy(mixed.get(precision, "float32"))
    layers = _flatten(model)
    with_weights = [index for index, layer in enumerate(layers) if layer.weights]
    exact_from = max(with_weights, default=0) if exact_outputs else len(layers)
    for layer in layers[:exact_from]:
        layer.dtype_policy = policy
    for layer in layers[exact_from:]:
        layer.dtype_policy = keras.dtype_policies.DTypePolicy("float32")


def _flatten(model: "keras.Model") -> list[Any]:
    """All layers of a model, those of nested models in their place."""
    flat: list[Any] = []
    for layer in model.layers:
        flat.extend(_flatten(layer) if getattr(layer, "layers", None) else [layer])
    return flat
