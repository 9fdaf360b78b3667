"""Pin a process to the devices that Ray gave it, before any numerical library is imported."""

import os
import socket
import time
from dataclasses import dataclass

import ray

# The rest of a share of a GPU is for what jax does not count: the CUDA context and the libraries' own memory.
_USABLE_SHARE = 0.9


@dataclass(frozen=True)
class Devices:
    """Where a worker runs.

    Attributes:
        host: Name of the machine.
        node_id: Ray's id of the node.
        pid: The worker's process.
        num_cpus: Cores it may use.
        gpu_ids: Its GPUs, as `CUDA_VISIBLE_DEVICES` numbers them; empty for CPU work.
        started_at: When it was pinned, before it was built, in seconds since the epoch by its node's clock.
    """

    host: str
    node_id: str
    pid: int
    num_cpus: int
    gpu_ids: tuple[str, ...]
    started_at: float = 0.0


def pin_process(num_cpus: float) -> Devices:
    """Size the thread pools of this Ray worker to its cores, and hide all GPUs but its own."""
    started_at, context = time.time(), ray.get_runtime_context()
    gpu_ids = tuple(context.get_accelerator_ids().get("GPU", ()))
    threads = max(1, int(num_cpus))
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpu_ids)  # Ray leaves all visible to work that asked for none
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    os.environ["NPROC"] = str(threads)  # XLA's thread pool, for the jax backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    _bound_gpu_memory(context.get_assigned_resources().get("GPU", 0.0))  # type: ignore[no-untyped-call]
    return Devices(socket.gethostname(), context.get_node_id(), os.getpid(), threads, gpu_ids, started_at)


def _bound_gpu_memory(share: float) -> None:
    """Leave a shared GPU's memory to the others that share it; the user's own settings stay.

    Left alone, TensorFlow takes all of a GPU's memory at its start and jax three quarters. TensorFlow has no limit that
    the environment can set, but takes memory only as it needs it; jax takes its share and never more.
    """
    if not 0 < share < 1:
        return
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    if "XLA_CLIENT_MEM_FRACTION" not in os.environ:  # its newer name, which not every jax knows; both are refused
        os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", f"{_USABLE_SHARE * share:.4f}")
