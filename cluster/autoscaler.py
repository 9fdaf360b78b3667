"""What the cluster's autoscaler says: whether there is one, and which workers it can never place.

Ray 2.60 has two. The first (`ray start --autoscaling-config`) leaves a report in the cluster's key-value store, the
second (`ray up`, KubeRay) gives its state to the head. A cluster whose nodes were started by hand has a monitor that
reports as well; it names no node types of its own.
"""

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply  # type: ignore[attr-defined]
from ray.experimental.internal_kv import internal_kv_get_gcs_client

_NODE_STARTED_BY_HAND = re.compile(r"node_[0-9a-f]+")


def is_autoscaling(patience_s: float = 0.0) -> bool:
    """Whether an autoscaler may add nodes to the cluster.

    Args:
        patience_s: How long to wait for the first report of a cluster that has just started.
    """
    deadline = time.monotonic() + patience_s
    while (types := _reported_node_types()) is None and time.monotonic() < deadline:
        time.sleep(0.5)
    return bool(types)


def can_never_place(bundle: Mapping[str, float]) -> bool:
    """Whether the autoscaler has said that no node which it may add can take a worker that asks for `bundle`."""
    requests = _cluster_status().autoscaling_state.infeasible_resource_requests
    return any(_same(request.resources_bundle, bundle) for request in requests)


def _reported_node_types() -> set[str] | None:
    """Types of the nodes that an autoscaler manages, empty if all were started by hand; None before any report."""
    status = _cluster_status()
    if status.HasField("autoscaling_state"):
        return {node.ray_node_type_name for node in status.cluster_resource_state.node_states} - {""}
    legacy = _head().internal_kv_get(DEBUG_AUTOSCALING_STATUS.encode(), None)
    report = json.loads(legacy or "{}").get("autoscaler_report")
    if report is None:
        return None
    types = {*report["active_nodes"], *(report["idle_nodes"] or {}), *report["pending_launches"]}
    return {name for name in types if not _NODE_STARTED_BY_HAND.fullmatch(name)}


def _cluster_status() -> Any:
    reply = GetClusterStatusReply()
    reply.ParseFromString(_head().get_cluster_status())
    return reply


def _head() -> Any:
    """The connection that `ray.init` made to the head."""
    return internal_kv_get_gcs_client()  # type: ignore[no-untyped-call]


def _same(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    names = {*one, *other}
    return all(abs(one.get(name, 0.0) - other.get(name, 0.0)) < 1e-4 for name in names)
