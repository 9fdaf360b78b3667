"""Pin a process to the devices that Ray gave it, before any numerical library is imported."""

import os
import socket
from dataclasses import dataclass

import ray


@dataclass(frozen=True)
class Devices:
    """Where a worker runs.

    Attributes:
        host: Name of the machine.
        node_id: Ray's id of the node.
        pid: The worker's process.
        num_cpus: Cores it may use.
        gpu_ids: Its GPUs, as `CUDA_VISIBLE_DEVICES` numbers them; empty for CPU work.
    """

    host: str
    node_id: str
    pid: int
    num_cpus: int
    gpu_ids: tuple[str, ...]


def pin_process(num_cpus: float) -> Devices:
    """Size the thread pools of this Ray worker to its cores, and hide all GPUs but its own."""
    context = ray.get_runtime_context()
    gpu_ids = tuple(context.get_accelerator_ids().get("GPU", ()))
    threads = max(1, int(num_cpus))
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpu_ids)  # Ray leaves all visible to work that asked for none
    os.environ["OMP_NUM_THREADS"] = str(threads)
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(threads)
    os.environ["TF_NUM_INTEROP_THREADS"] = "1"
    os.environ["NPROC"] = str(threads)  # XLA's thread pool, for the jax backend
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    return Devices(socket.gethostname(), context.get_node_id(), os.getpid(), threads, gpu_ids)
