"""One small function beside the workers: on a CPU, one thread, every GPU hidden."""

import math
import time
from collections.abc import Callable, Collection
from typing import Any, Generic, TypeVar

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.devices import pin_process
from cluster.errors import WorkersLostError
from cluster.head_watch import HeadWatch
from cluster.nodes import Node, cluster_nodes, own_node_id
from cluster.own_packages import call_packed, packed
from cluster.worker import cause_of_death

_LOOK_S = 1.0

T = TypeVar("T")


class LightTask(Generic[T]):
    """A function that has begun to run somewhere in the cluster.

    It reserves no core: workers may have taken them all, and it must not wait for them to finish. Where there are nodes
    without GPUs, which workers on GPUs leave idle, it runs on one of them.
    """

    def __init__(self, function: Callable[..., T], *arguments: object, avoid: Collection[Node] = ()) -> None:
        """Start `function(*arguments)` in a process of its own, on none of the nodes to avoid."""
        self._head = HeadWatch()
        remote: Any = ray.remote  # its stubs cannot follow a function of any signature
        started = remote(num_cpus=0, max_calls=1, max_retries=2)(call_packed)
        call = packed(_run_pinned, function, arguments)
        self._reference = started.options(scheduling_strategy=_strategy(avoid)).remote(call)

    def result(self, timeout_s: float | None = None) -> T:
        """Wait for it, and return what it returned or raise what it raised.

        Args:
            timeout_s: Seconds to wait at most; None for as long as it takes.

        Raises:
            TimeoutError: If it has not ended by then; it runs on, and may be waited for again.
            WorkersLostError: If its process died, or Ray itself has ended.
        """
        ends_at = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while not ray.wait([self._reference], timeout=min(_LOOK_S, max(0.0, ends_at - time.monotonic())))[0]:
            if time.monotonic() >= ends_at:
                raise TimeoutError(f"The task beside the actors has not ended within {timeout_s:g} s.")
            self._head.is_up()
        try:
            result: T = ray.get(self._reference)
            return result
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.RayError as error:
            raise WorkersLostError(f"The task beside the actors was lost: {cause_of_death(error)}") from error

    def stop(self) -> None:
        """End its process, if it still runs; nobody waits for it any more."""
        ray.cancel(self._reference, force=True)


def _strategy(avoid: Collection[Node]) -> NodeAffinitySchedulingStrategy | str:
    """Where to run: on a node with cores and no GPU, else on the driver's own if some are to be avoided."""
    nodes = cluster_nodes()
    idle = [node for node in nodes if node.num_cpus and not node.num_gpus and node not in avoid]
    if idle and any(node.num_gpus for node in nodes):
        return NodeAffinitySchedulingStrategy(idle[0].node_id, soft=True)
    return NodeAffinitySchedulingStrategy(own_node_id(), soft=True) if avoid else "DEFAULT"


def _run_pinned(function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
    pin_process(num_cpus=1)
    return function(*arguments)
