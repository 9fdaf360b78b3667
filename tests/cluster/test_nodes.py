from typing import Any

import pytest
import ray

from cluster.errors import WorkersLostError
from cluster.head_watch import HeadWatch
from cluster.nodes import cluster_nodes, own_node_id


class _Asks:
    def cores(self) -> tuple[float, float]:
        """Of its own node, and of all."""
        nodes = {node.node_id: node.num_cpus for node in cluster_nodes()}
        return nodes[own_node_id()], sum(nodes.values())


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_an_actor_cannot_have_the_cores_that_it_holds_itself() -> None:
    assert sum(node.num_cpus for node in cluster_nodes()) == 4
    asks: Any = ray.remote(num_cpus=1)(_Asks).remote()
    assert ray.get(asks.cores.remote()) == (1, 3)
    ray.kill(asks)


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_nothing_is_asked_of_another_ray_once_the_own_was_shut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = HeadWatch()
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(WorkersLostError, match="Ray was shut down in this process"):
        cluster_nodes()
    with pytest.raises(WorkersLostError, match="Ray was shut down in this process"):
        watch.is_up()
