"""How many workers, and what each of them gets, from what the cluster has or may get."""

import difflib
import math
from dataclasses import dataclass, replace

from cluster.autoscaler import is_autoscaling
from cluster.errors import PlacementError
from cluster.nodes import Node, accelerator_resource
from cluster.private_ray import accelerator_types

# More cores than this do not help one network's forward pass as much as a second worker does.
_MAX_CPUS_PER_WORKER = 8
_MAX_CPUS_BESIDE_GPU = 32.0  # a decode process on each: more than any GPU that there is asks for
_LEAST_SHARE = 0.0001  # Ray counts resources in ten-thousandths
_LARGEST_AMOUNT = 1e9  # more than any cluster has; Ray counts in 64 bits
_FIRST_REPORT_S = 10.0  # autoscalers report every five seconds
_FIXED_PATIENCE_S = 60.0
LONGEST_WAIT_S = 1e9  # that a user may ask for, 31 years: threads wait for up to threading.TIMEOUT_MAX, 9.2e9 s
_GROWING_PATIENCE_S = 900.0  # a cloud may take ten minutes to bring a GPU node up


@dataclass(frozen=True)
class WorkerRequest:
    """What the user asked for; None leaves it to the cluster.

    Attributes:
        num_workers: How many.
        gpus_per_worker: GPUs reserved by each; a fraction shares one.
        cpus_per_worker: Cores reserved by each.
        accelerator_type: The only kind of GPU to use, by Ray's name.
        wait_for_nodes_s: How long to wait for a node that can take a worker.
    """

    num_workers: int | None = None
    gpus_per_worker: float | None = None
    cpus_per_worker: float | None = None
    accelerator_type: str | None = None
    wait_for_nodes_s: float | None = None

    def check(self) -> None:
        """Refuse amounts that make no sense on any cluster.

        Raises:
            PlacementError: If one is too small, or no amount that Ray can reserve; it names the field.
        """
        gpus, cpus = float(self.gpus_per_worker or 0), float(self.cpus_per_worker or 0)
        if self.accelerator_type and self.gpus_per_worker == 0:
            raise PlacementError(
                "Expected `gpus_per_actor` above 0 with `accelerator_type`, which names the GPUs to use; received 0. "
                "Leave one of them out."
            )
        if gpus and not (_LEAST_SHARE <= gpus < 1 or gpus.is_integer()):
            raise PlacementError(
                f"Expected `gpus_per_actor` to be a whole number or a share of one GPU; received {gpus:g}."
            )
        if cpus and not cpus >= _LEAST_SHARE:
            raise PlacementError(f"Expected `cpus_per_actor` of at least {_LEAST_SHARE}; received {cpus:g}.")
        for field, value, least in (
            ("actors", self.num_workers, 1),
            ("gpus_per_actor", self.gpus_per_worker, 0),
            ("wait_for_nodes", self.wait_for_nodes_s, 0),
        ):
            if value is not None and not value >= least:
                raise PlacementError(f"Expected `{field}` of at least {least}; received {value:g}.")
        for field, value, most in (
            ("actors", self.num_workers, _LARGEST_AMOUNT),
            ("gpus_per_actor", gpus, _LARGEST_AMOUNT),
            ("cpus_per_actor", cpus, _LARGEST_AMOUNT),
            ("wait_for_nodes", self.wait_for_nodes_s, LONGEST_WAIT_S),
        ):
            if value is not None and value > most:
                raise PlacementError(f"Expected `{field}` of at most {most:g}; received {value:g}.")

    @property
    def names_what_each_needs(self) -> bool:
        """Whether it says what to ask an autoscaler for."""
        return any(need is not None for need in (self.gpus_per_worker, self.cpus_per_worker, self.accelerator_type))


@dataclass(frozen=True)
class Placement:
    """The workers of a job.

    Attributes:
        num_workers: How many.
        gpus_per_worker: GPUs reserved by each; a fraction shares one.
        cpus_per_worker: Cores reserved by each.
        elastic: Whether nodes that join later get workers too.
        accelerator_type: The only kind of GPU to use; None takes any.
        patience_s: How long to go on without a worker and without a node that could take one.
        by_autoscaler: Whether an autoscaler decides if such a node may come.
    """

    num_workers: int
    gpus_per_worker: float
    cpus_per_worker: float
    elastic: bool = False
    accelerator_type: str | None = None
    patience_s: float = _FIXED_PATIENCE_S
    by_autoscaler: bool = False

    @property
    def bundle(self) -> dict[str, float]:
        """What one worker asks Ray's scheduler for."""
        needs = {"CPU": self.cpus_per_worker, "GPU": self.gpus_per_worker}
        if self.accelerator_type:
            needs[accelerator_resource(self.accelerator_type)] = 0.001  # what Ray asks for by `accelerator_type=`
        return {name: amount for name, amount in needs.items() if amount}

    def __str__(self) -> str:
        """What each worker gets, for people."""
        kind = f" of kind {self.accelerator_type}" if self.accelerator_type else ""
        return f"{self.gpus_per_worker:g} GPUs{kind} and {self.cpus_per_worker:g} CPUs"


def place_workers(nodes: list[Node], request: WorkerRequest) -> Placement:
    """Plan the workers of a job on the cluster at hand, whose autoscaler may add nodes to these.

    Raises:
        PlacementError: If the workers do not fit, and none can be added; it says what the cluster has.
    """
    can_grow = is_autoscaling()
    try:
        return plan_placement(nodes, request, can_grow)
    except PlacementError:
        if can_grow or not is_autoscaling(_FIRST_REPORT_S):
            raise
        return plan_placement(nodes, request, can_grow=True)


def plan_placement(nodes: list[Node], request: WorkerRequest, can_grow: bool = False) -> Placement:
    """Fill in what the user left open: a worker per GPU; without GPUs, workers that together take most cores.

    Args:
        nodes: The nodes that are there.
        request: What the user asked for.
        can_grow: Whether an autoscaler may add nodes: then workers that do not fit wait for them.

    Raises:
        PlacementError: If the workers do not fit; it says what the cluster has.
    """
    request.check()
    waits = can_grow if request.wait_for_nodes_s is None else request.wait_for_nodes_s > 0
    if request.accelerator_type is not None:
        _check_accelerator_type(request.accelerator_type, nodes, waits)
    placement = _fill_in(nodes, request)
    room = count_room(nodes, placement)
    if request.num_workers is None:
        placement = replace(placement, num_workers=max(room, 1) if waits else room)
    if not waits and not 0 < placement.num_workers <= room:
        raise PlacementError(_shortage(nodes, placement, room))
    if waits and not room and not request.names_what_each_needs:
        raise PlacementError(_NOTHING_TO_ASK_FOR)
    return _with_patience(placement, request) if waits else placement


def count_room(nodes: list[Node], placement: Placement) -> int:
    """How many of these workers the nodes could hold if they held nothing else."""
    fitting = _of_kind(nodes, placement.accelerator_type)
    return sum(_workers_on(node, placement.gpus_per_worker, placement.cpus_per_worker) for node in fitting)


_NOTHING_TO_ASK_FOR = (
    "The cluster has no room for an actor yet, and adds nodes by what actors ask for. Say what each needs with "
    "`gpus_per_actor` and `cpus_per_actor`, or with `accelerator_type`."
)


def _check_accelerator_type(wanted: str, nodes: list[Node], waits: bool) -> None:
    there = sorted(set().union(*(node.accelerator_types for node in nodes)))
    if wanted in there:
        return
    known = accelerator_types()
    has = f"the cluster has {', '.join(there) if there else 'none that Ray knows the kind of'}"
    if known is not None and wanted not in known:
        near = difflib.get_close_matches(wanted.upper(), sorted(known), n=3, cutoff=0.5) or ["T4", "A100", "H100"]
        raise PlacementError(
            f"Expected `accelerator_type` to be one of Ray's names, such as {', '.join(near)}; received {wanted!r}, "
            f"and {has}."
        )
    if not waits:
        advice = "Name one of those, or leave it out." if there else "Leave it out."
        raise PlacementError(f"Expected GPUs of the kind {wanted}; {has}. {advice}")


def _fill_in(nodes: list[Node], request: WorkerRequest) -> Placement:
    nodes = _of_kind(nodes, request.accelerator_type)
    gpus = request.gpus_per_worker
    if gpus is None:
        gpus = 1.0 if request.accelerator_type or any(node.num_gpus >= 1 for node in nodes) else 0.0
    cpus = request.cpus_per_worker
    if cpus is None:
        cpus = _default_cpus(nodes, gpus, request.num_workers)
    return Placement(
        num_workers=request.num_workers or 0,
        gpus_per_worker=gpus,
        cpus_per_worker=cpus,
        elastic=request.num_workers is None,
        accelerator_type=request.accelerator_type,
    )


def _with_patience(placement: Placement, request: WorkerRequest) -> Placement:
    """An autoscaler may need long, or say that no node will come; a person who says how long is believed."""
    if request.wait_for_nodes_s is None:
        return replace(placement, patience_s=_GROWING_PATIENCE_S, by_autoscaler=True)
    return replace(placement, patience_s=request.wait_for_nodes_s)


def _default_cpus(nodes: list[Node], gpus_per_worker: float, num_workers: int | None) -> float:
    """Cores for each worker: beside a GPU those that its node has for each, up to 32; else up to eight.

    Without GPUs, as many as leave the fewest cores idle, though at least half of what the largest node allows: each
    worker holds the network in memory. So many workers as are asked for get as many as leave room for all of them.
    """
    if gpus_per_worker:
        able = [node for node in nodes if node.num_gpus >= gpus_per_worker]
        shares = [node.num_cpus * gpus_per_worker / node.num_gpus for node in able]
        return float(max(1, min(_MAX_CPUS_BESIDE_GPU, math.floor(min(shares, default=1)))))
    largest = math.floor(max((node.num_cpus for node in nodes), default=1))
    most = max(1, min(_MAX_CPUS_PER_WORKER, largest))
    if num_workers is None:
        return float(max(range((most + 1) // 2, most + 1), key=lambda size: (size * _num_shares(nodes, size), size)))
    share = max(1, min(most, math.floor(sum(node.num_cpus for node in nodes) / num_workers)))
    return float(next((size for size in range(share, 0, -1) if _num_shares(nodes, size) >= num_workers), share))


def _num_shares(nodes: list[Node], num_cpus: int) -> int:
    """How many workers of so many cores the nodes can hold."""
    return sum(math.floor(node.num_cpus / num_cpus) for node in nodes)


def _of_kind(nodes: list[Node], accelerator_type: str | None) -> list[Node]:
    return [node for node in nodes if accelerator_type is None or accelerator_type in node.accelerator_types]


def _workers_on(node: Node, gpus_per_worker: float, cpus_per_worker: float) -> int:
    by_cpu = math.floor(node.num_cpus / cpus_per_worker) if cpus_per_worker else None
    by_gpu = _workers_by_gpu(node.num_gpus, gpus_per_worker) if gpus_per_worker else None
    limits = [limit for limit in (by_cpu, by_gpu) if limit is not None]
    return min(limits, default=1)


def _workers_by_gpu(num_gpus: float, gpus_per_worker: float) -> int:
    if gpus_per_worker < 1:  # a fraction never straddles two GPUs
        return math.floor(num_gpus) * math.floor(1 / gpus_per_worker + 1e-9)
    return math.floor(num_gpus / gpus_per_worker)


def _shortage(nodes: list[Node], placement: Placement, room: int) -> str:
    gpus, cpus = sum(node.num_gpus for node in nodes), sum(node.num_cpus for node in nodes)
    held_gpus, held_cpus = sum(node.held_gpus for node in nodes), sum(node.held_cpus for node in nodes)
    held = ""
    if held_gpus or held_cpus:
        held = (
            f", without the {held_gpus:g} GPUs and {held_cpus:g} CPUs that the calling task or actor, its placement "
            "group or its job's entry point holds: let it hold fewer"
        )
    return (
        f"Expected room for {max(placement.num_workers, 1)} actors with {placement} each; the cluster has {gpus:g} "
        f"GPUs and {cpus:g} CPUs on {len(nodes)} nodes, room for {room}{held}. Lower `actors`, `gpus_per_actor` or "
        "`cpus_per_actor`, or say with `wait_for_nodes` how many seconds to wait for nodes to join."
    )
