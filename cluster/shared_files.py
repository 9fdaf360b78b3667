"""Whether every machine of the cluster sees the same files: looked at from each, not assumed."""

import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.errors import ClusterError
from cluster.nodes import Node, cluster_nodes, own_node_id
from cluster.worker import Recipe

R = TypeVar("R")

_SHARED_DISK_S = 10.0  # until a network file system shows what another machine has just written
_LOOK_AGAIN_S = 0.5
_NODE_PATIENCE_S = 60.0  # until a node has a process that looks


class UnseenError(ClusterError):
    """A worker started where the files of its job cannot be seen."""


@dataclass(frozen=True)
class Sight:
    """A path as this process sees it, for others to compare.

    Attributes:
        name: What people call it.
        path: Absolute.
        size_bytes: Its size, or None if it changes.
        content: What stands somewhere in it, or None.
    """

    name: str
    path: str
    size_bytes: int | None = None
    content: bytes | None = None

    def is_seen(self) -> bool:
        """Whether this process sees the same."""
        try:
            size_bytes = Path(self.path).stat().st_size
            same_size = self.size_bytes in (None, size_bytes)
            return same_size and (self.content is None or self.content in Path(self.path).read_bytes())
        except OSError:
            return False


def find_unseen(sights: Sequence[Sight], patience_s: float = _SHARED_DISK_S) -> list[Sight]:
    """What this process does not see, after looking for `patience_s`."""
    deadline = time.monotonic() + patience_s
    while unseen := [sight for sight in sights if not sight.is_seen()]:
        if time.monotonic() >= deadline:
            break
        time.sleep(_LOOK_AGAIN_S)
    return unseen


def look_from_every_node(sights: Sequence[Sight], patience_s: float = _SHARED_DISK_S) -> dict[Node, list[Sight]]:
    """What the nodes that can take work do not see, this process' own node left out.

    Returns:
        What each cannot see; nodes that see everything are not in it. On one node, nothing is looked at.
    """
    own = own_node_id()
    nodes = [node for node in cluster_nodes() if node.node_id != own and (node.num_cpus or node.num_gpus)]
    if not nodes or not sights:
        return {}
    remote: Any = ray.remote  # its stubs cannot follow the options
    look = remote(num_cpus=0, max_retries=2)(find_unseen)
    answers = {look.options(scheduling_strategy=_on(node)).remote(sights, patience_s): node for node in nodes}
    ray.wait(list(answers), num_returns=len(answers), timeout=patience_s + _NODE_PATIENCE_S)
    unseen = {node: _answer(reference) for reference, node in answers.items()}
    return {node: missing for node, missing in unseen.items() if missing}


def where_seen(recipe: Recipe[R], sights: Sequence[Sight], patience_s: float = _SHARED_DISK_S) -> Recipe[R]:
    """The same recipe, but it builds no worker where something cannot be seen: for nodes that join later."""
    return partial(_build_where_seen, recipe, tuple(sights), patience_s)


def _build_where_seen(recipe: Recipe[R], sights: Sequence[Sight], patience_s: float) -> Callable[[int], R]:
    for sight in find_unseen(sights, patience_s):
        raise UnseenError(
            f"Expected every node to see {sight.name}; {socket.gethostname()} cannot see {sight.path} as others do."
        )
    return recipe()


def _on(node: Node) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node.node_id, soft=False)


def _answer(reference: Any) -> list[Sight]:
    """What a node said. One that left meanwhile, or is too busy to say, is looked from when it gets a worker."""
    try:
        unseen: list[Sight] = ray.get(reference, timeout=0)
        return unseen
    except RayError:
        return []
