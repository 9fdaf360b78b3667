"""What the cluster's autoscaler says: whether there is one, and which workers it can never place, or not yet.

A cluster whose nodes were started by hand has a monitor that reports as well; it names no node types of its own.
"""

import time
from collections.abc import Mapping

from cluster import private_ray


def is_autoscaling(patience_s: float = 0.0) -> bool:
    """Whether an autoscaler may add nodes to the cluster.

    Args:
        patience_s: How long to wait for the first report of a cluster that has just started.
    """
    deadline = time.monotonic() + patience_s
    while (types := private_ray.managed_node_types()) is None and time.monotonic() < deadline:
        time.sleep(0.5)
    return bool(types)


def can_never_place(bundle: Mapping[str, float]) -> bool:
    """Whether the autoscaler has said that no node which it may add can take a worker that asks for `bundle`."""
    return any(_same(bundle, infeasible) for infeasible in private_ray.infeasible_bundles())


def num_waiting(bundle: Mapping[str, float]) -> int:
    """How many workers that ask for `bundle` wait until others give back what they hold."""
    return sum(count for waiting, count in private_ray.waiting_bundles() if _same(bundle, waiting))


def _same(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    names = {*one, *other}
    return all(abs(one.get(name, 0.0) - other.get(name, 0.0)) < 1e-4 for name in names)
