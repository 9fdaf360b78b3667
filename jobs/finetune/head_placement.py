"""Where heads are trained: how many workers there are, and what each gets."""

from collections.abc import Sequence
from dataclasses import replace

from cluster.errors import PlacementError
from cluster.nodes import cluster_nodes
from cluster.placement import Placement, count_room, place_workers
from cluster.shared_files import SharedFile, find_missing_by_node
from jobs.finetune.request import FinetuneRequest
from jobs.score.needed_files import check_seen


def place_heads(request: FinetuneRequest, needed: Sequence[SharedFile] = ()) -> Placement:
    """One worker for all small heads, which are trained at once or in seconds each; for dense layers as GPUs allow.

    Each gets what the request says that a worker gets, and no more of them are planned than it names. Nodes that do
    not see what is needed do not count: they may have joined while features were extracted.

    Raises:
        PlacementError: If one does not fit.
        RequestError: If one might, did all nodes see what is needed.
    """
    unseen = find_missing_by_node(needed)
    nodes, wanted = [node for node in cluster_nodes() if node not in unseen], request.images.workers
    try:
        one = place_workers(nodes, replace(wanted, num_workers=1))
    except PlacementError:
        check_seen(unseen, needed)
        raise
    if not (request.heads.unfreeze_dense and one.gpus_per_worker):
        return one
    most = min(request.num_heads, wanted.num_workers or request.num_heads)
    return replace(one, num_workers=max(1, min(most, count_room(nodes, one))))
