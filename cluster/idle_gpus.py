"""What a plan leaves of the cluster's GPUs, and which node keeps the others' actors from more cores: in words."""

from collections.abc import Sequence

from cluster.nodes import Node
from cluster.placement import Placement, count_room

_NAMED = 3


def tell_idle(nodes: Sequence[Node], placement: Placement) -> list[str]:
    """Lines on what nodes have and no actor gets; none where the number of actors was asked for.

    Args:
        nodes: The nodes that are there.
        placement: Of actors on them.
    """
    gpus = placement.gpus_per_worker
    if not (gpus and placement.elastic):
        return []
    of_kind = [node for node in nodes if placement.accelerator_type in (None, *node.accelerator_types)]
    able = [node for node in of_kind if node.num_gpus >= gpus]
    idle = {node: unused for node in able if (unused := _num_idle(node, placement)) >= 1}
    told = []
    if idle:
        told.append(
            f"{sum(idle.values())} GPUs stay idle, as an actor takes {placement.cpus_per_worker:g} CPUs beside one: "
            f"{_names([f'{node.host} has {node.num_cpus:g} for {node.num_gpus:g}' for node in idle])}"
        )
    shares = {node: node.num_cpus * gpus / node.num_gpus for node in able if node not in idle}
    least, most = (min(shares, key=shares.__getitem__), max(shares.values())) if shares else (None, 0.0)
    if least and shares[least] < placement.cpus_per_worker + 1 <= most / 2:
        told.append(
            f"no actor gets more than {placement.cpus_per_worker:g} CPUs, which is what {least.host} has for each; "
            f"other nodes have up to {most:g}"
        )
    return told


def _num_idle(node: Node, placement: Placement) -> int:
    """How many whole GPUs of a node no actor gets, for want of cores."""
    return int(node.num_gpus - count_room([node], placement) * placement.gpus_per_worker + 1e-9)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
