"""The GPU that this process was given: what it computes, and whether Keras finds it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ON_PROCESSORS = ("openvino", "mnn")  # runtimes that compute there whatever GPUs there are
_DEVICES = Path("/dev")
_PATIENCE_S = 60.0  # with the driver, which may take seconds to wake


def compute_capability() -> float | None:
    """The lowest compute capability among the GPUs that this process may use; None without one."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.strip() in ("", "-1"):
        return None
    return _ask_driver(visible)


def unused_gpu(runtime: str) -> str | None:
    """What to tell of a GPU that was given to this process and that Keras, once it is imported, does not find.

    GPUs that a cluster was told of and that no machine has, as in tests, are not asked for.

    Args:
        runtime: What computes: Keras' backend, or another engine, which asks for none.

    Returns:
        A warning of one line; None where there is nothing to tell.
    """
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "").strip()
    if given in ("", "-1") or runtime in ON_PROCESSORS or "keras" not in sys.modules:
        return None
    if _finds_gpu() or not _is_there():
        return None
    wanted = "'shardscore[gpu]'" if runtime == "tensorflow" else f"a {runtime} with CUDA"
    return (
        f"Ray gave GPU {given} of {socket.gethostname()} to an actor; {runtime} finds no GPU there and computes on the "
        f"processor. Install {wanted} and a driver that fits, or set `gpus_per_actor` to 0 to score with all cores."
    )


def _is_there() -> bool:
    """Whether the machine has the GPU: its driver says so, or says nothing of any while the device files are there."""
    if compute_capability() is not None:
        return True
    return _ask_driver() is None and any(_DEVICES.glob("nvidia[0-9]*"))


def _finds_gpu() -> bool:
    """Whether Keras, whose backends each ask in their own way, computes anywhere but on the processor."""
    import keras

    ones = keras.ops.ones((2, 2), dtype="float32")
    product = keras.ops.matmul(ones, ones)  # where it was computed; a constant may lie elsewhere
    return "cpu" not in str(product.device).lower()


def _ask_driver(which: str | None = None) -> float | None:
    """The lowest compute capability that NVIDIA's driver tells, of these GPUs or all; None where it tells none."""
    query = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader", *(["-i", which] if which else [])]
    try:
        output = subprocess.run(query, capture_output=True, text=True, timeout=_PATIENCE_S)
        return min((float(line) for line in output.stdout.split()), default=None)
    except (OSError, ValueError, subprocess.TimeoutExpired):  # no NVIDIA driver here, or one that hangs
        return None
