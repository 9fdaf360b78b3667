"""How many workers, and what each of them gets, from what the cluster has."""

import math
from dataclasses import dataclass, replace

import ray

from cluster.errors import PlacementError

# More cores than this do not help one network's forward pass as much as a second worker does.
_MAX_CPUS_PER_WORKER = 8.0


@dataclass(frozen=True)
class Placement:
    """The workers of a job.

    Attributes:
        num_workers: How many.
        gpus_per_worker: GPUs reserved by each; a fraction shares one.
        cpus_per_worker: Cores reserved by each.
        elastic: Whether nodes that join later get workers too.
    """

    num_workers: int
    gpus_per_worker: float
    cpus_per_worker: float
    elastic: bool = False


@dataclass(frozen=True)
class Resources:
    """What one node, or the whole cluster, has."""

    num_cpus: float
    num_gpus: float


def cluster_nodes() -> list[Resources]:
    """What each living node of the cluster has."""
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    return [Resources(node.get("CPU", 0.0), node.get("GPU", 0.0)) for node in alive]


def plan_placement(
    nodes: list[Resources],
    num_workers: int | None = None,
    gpus_per_worker: float | None = None,
    cpus_per_worker: float | None = None,
) -> Placement:
    """Fill in what the user left open: a worker per GPU; without GPUs, workers that together fill the cores.

    Raises:
        PlacementError: If the workers do not fit; it says what the cluster has.
    """
    if gpus_per_worker is None:
        gpus_per_worker = 1.0 if any(node.num_gpus >= 1 for node in nodes) else 0.0
    if cpus_per_worker is None:
        cpus_per_worker = _default_cpus(nodes, gpus_per_worker, num_workers)
    placement = Placement(num_workers or 0, gpus_per_worker, cpus_per_worker, elastic=num_workers is None)
    room = count_room(nodes, placement)
    if num_workers is None:
        placement = replace(placement, num_workers=room)
    if not 0 < placement.num_workers <= room:
        raise PlacementError(_shortage(nodes, placement, room))
    return placement


def count_room(nodes: list[Resources], placement: Placement) -> int:
    """How many of these workers the nodes could hold if they held nothing else."""
    return sum(_workers_on(node, placement.gpus_per_worker, placement.cpus_per_worker) for node in nodes)


def _default_cpus(nodes: list[Resources], gpus_per_worker: float, num_workers: int | None) -> float:
    """Cores for each worker: beside a GPU those that its node has for each; else up to eight."""
    if gpus_per_worker:
        shares = [node.num_cpus * gpus_per_worker / node.num_gpus for node in nodes if node.num_gpus]
        return float(max(1, min(_MAX_CPUS_PER_WORKER, math.floor(min(shares, default=1)))))
    total = sum(node.num_cpus for node in nodes)
    largest = max((node.num_cpus for node in nodes), default=1)
    share = math.floor(total / num_workers) if num_workers else largest
    return float(max(1, min(_MAX_CPUS_PER_WORKER, share, largest)))


def _workers_on(node: Resources, gpus_per_worker: float, cpus_per_worker: float) -> int:
    by_cpu = math.floor(node.num_cpus / cpus_per_worker) if cpus_per_worker else None
    by_gpu = _workers_by_gpu(node.num_gpus, gpus_per_worker) if gpus_per_worker else None
    limits = [limit for limit in (by_cpu, by_gpu) if limit is not None]
    return min(limits, default=1)


def _workers_by_gpu(num_gpus: float, gpus_per_worker: float) -> int:
    if gpus_per_worker < 1:  # a fraction never straddles two GPUs
        return math.floor(num_gpus) * math.floor(1 / gpus_per_worker + 1e-9)
    return math.floor(num_gpus / gpus_per_worker)


def _shortage(nodes: list[Resources], placement: Placement, room: int) -> str:
    gpus, cpus = sum(node.num_gpus for node in nodes), sum(node.num_cpus for node in nodes)
    return (
        f"Expected room for {max(placement.num_workers, 1)} actors with {placement.gpus_per_worker:g} GPUs and "
        f"{placement.cpus_per_worker:g} CPUs each; the cluster has {gpus:g} GPUs and {cpus:g} CPUs on {len(nodes)} "
        f"nodes, room for {room}. Lower --actors, --gpus-per-actor or --cpus-per-actor."
    )
