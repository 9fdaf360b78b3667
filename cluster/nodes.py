"""The machines of the cluster, and what each has."""

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster import private_ray
from cluster.errors import WorkersLostError

_ACCELERATOR_PREFIX = "accelerator_type:"  # Ray's name for the resource that says which kind of GPU a node has

GO_ON = (
    "What is finished is kept. Run the same command again, without `overwrite` if it said that no earlier results are "
    "left."
)


@dataclass(frozen=True)
class Node:
    """A living node.

    Attributes:
        num_cpus: Its cores, used or not, without those that are held for this process itself.
        num_gpus: Its GPUs, likewise.
        accelerator_types: Kinds of its GPUs, by Ray's names: `T4`, `A100`.
        node_id: Ray's id of it.
        host: Name of the machine.
        held_cpus: Cores that are held for this process.
        held_gpus: GPUs likewise.
    """

    num_cpus: float
    num_gpus: float
    accelerator_types: frozenset[str] = frozenset()
    node_id: str = ""
    host: str = ""
    held_cpus: float = 0.0
    held_gpus: float = 0.0


def cluster_nodes() -> list[Node]:
    """The living nodes of the cluster.

    Raises:
        WorkersLostError: If Ray was shut down.
    """
    check_open()
    held = _held_for_this_process()
    return [
        _without(held.get(node["NodeID"], Counter()), node)
        for node in ray.nodes()  # type: ignore[no-untyped-call]
        if node["Alive"]
    ]


def _without(held: Counter[str], node: Mapping[str, Any]) -> Node:
    there = node["Resources"]
    kinds = (name.removeprefix(_ACCELERATOR_PREFIX) for name in there if name.startswith(_ACCELERATOR_PREFIX))
    return Node(
        num_cpus=there.get("CPU", 0.0) - held["CPU"],
        num_gpus=there.get("GPU", 0.0) - held["GPU"],
        accelerator_types=frozenset(kinds),
        node_id=node["NodeID"],
        host=node["NodeManagerHostname"],
        held_cpus=held["CPU"],
        held_gpus=held["GPU"],
    )


def check_open() -> None:
    """Refuse to go on without the session: Ray would join whatever cluster it finds.

    Raises:
        WorkersLostError: If Ray was shut down.
    """
    if not ray.is_initialized():
        raise WorkersLostError(f"Ray was shut down in this process while a job ran. {GO_ON}")


def _held_for_this_process() -> Mapping[str, Counter[str]]:
    """What is not to be had, by node, while this process waits for others, and so does the entry point of its job."""
    by_job = private_ray.held_by_own_job(ray.get_runtime_context().gcs_address)
    return _summed([*by_job.items(), *_held_by_this_process().items()])


def _held_by_this_process() -> Mapping[str, Counter[str]]:
    """What it holds itself; a driver holds nothing.

    A task that waits gives its cores back, but no GPU, and only if its main thread does: another one's wait is like an
    actor's. A placement group stays reserved as a whole.
    """
    context = ray.get_runtime_context()
    if context.worker.mode != ray.WORKER_MODE:
        return {}
    if group := ray.util.get_current_placement_group():
        return _reserved_by(group)
    held = Counter[str](context.get_assigned_resources())  # type: ignore[no-untyped-call]
    gives_cores_back = not context.get_actor_id() and threading.current_thread() is threading.main_thread()
    return {own_node_id(): Counter(GPU=held["GPU"]) if gives_cores_back else held}


def _reserved_by(group: Any) -> Mapping[str, Counter[str]]:
    table: Any = ray.util.placement_group_table(group)
    return _summed((node_id, table["bundles"][number]) for number, node_id in table["bundles_to_node_id"].items())


def _summed(parts: Iterable[tuple[str, Mapping[str, Any]]]) -> Mapping[str, Counter[str]]:
    """Resources by node, of which one may come several times."""
    held: dict[str, Counter[str]] = {}
    for node_id, resources in parts:
        held.setdefault(node_id, Counter()).update(resources)
    return held


def own_node_id() -> str:
    """Ray's id of the node that this process runs on."""
    node_id: str = ray.get_runtime_context().get_node_id()
    return node_id


def on_node(node_id: str) -> NodeAffinitySchedulingStrategy:
    """What tells Ray to run something there and nowhere else."""
    return NodeAffinitySchedulingStrategy(node_id, soft=False)


def accelerator_resource(accelerator_type: str) -> str:
    """Ray's name for the resource that only nodes with this kind of GPU have."""
    return f"{_ACCELERATOR_PREFIX}{accelerator_type}"
