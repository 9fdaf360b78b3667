from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pytest
import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from cluster.errors import PlacementError, WorkersLostError
from cluster.head_watch import HeadWatch
from cluster.nodes import cluster_nodes, own_node_id
from cluster.placement import WorkerRequest, plan_placement


def _free() -> tuple[tuple[float, float], tuple[float, float]]:
    """Cores and GPUs of the own node, and of all."""
    nodes = cluster_nodes()
    [own] = (node for node in nodes if node.node_id == own_node_id())
    return (own.num_cpus, own.num_gpus), (sum(node.num_cpus for node in nodes), sum(node.num_gpus for node in nodes))


class _Asks:
    def free(self) -> tuple[tuple[float, float], tuple[float, float]]:
        return _free()


@pytest.fixture
def group() -> Iterator[PlacementGroup]:
    """A core on each of the two nodes, and a GPU on one."""
    group = placement_group([{"CPU": 1, "GPU": 1}, {"CPU": 1}], strategy="STRICT_SPREAD")
    ray.get(group.ready(), timeout=60)
    yield group
    remove_placement_group(group)


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_an_actor_cannot_have_the_cores_that_it_holds_itself() -> None:
    assert _free()[1] == (4, 3)
    asks: Any = ray.remote(num_cpus=1)(_Asks).remote()
    own, total = ray.get(asks.free.remote())
    assert (own[0], total) == (1, (3, 3))
    ray.kill(asks)


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_a_task_that_waits_gives_its_cores_back_but_no_gpu() -> None:
    remote: Any = ray.remote
    assert ray.get(remote(num_cpus=1, num_gpus=1)(_free).remote(), timeout=60)[1] == (4, 2)


def _free_to_a_thread() -> tuple[tuple[float, float], tuple[float, float]]:
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(_free).result()


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_a_task_keeps_its_cores_while_another_thread_than_its_main_one_waits() -> None:
    remote: Any = ray.remote
    own, total = ray.get(remote(num_cpus=1, num_gpus=1)(_free_to_a_thread).remote(), timeout=60)
    assert (own[0], total) == (1, (3, 2))


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_a_driver_cannot_have_what_the_entry_point_of_its_job_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.private_ray.held_by_own_job", lambda cluster: {own_node_id(): Counter(CPU=2, GPU=1)})
    own, total = _free()
    assert (own[0], total) == (0, (2, 2))


def _free_in_job() -> Any:
    """Likewise, as if the entry point of this task's job held a core there."""
    with patch("cluster.private_ray.held_by_own_job", lambda cluster: {own_node_id(): Counter(CPU=1)}):
        return _free()


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_a_task_cannot_have_what_the_entry_point_of_its_job_and_its_own_gpu_hold() -> None:
    remote: Any = ray.remote
    own, total = ray.get(remote(num_cpus=1, num_gpus=1)(_free_in_job).remote(), timeout=60)
    assert (own[0], total) == (1, (3, 2))


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
@pytest.mark.parametrize("captures", [True, False])
def test_a_placement_group_is_reserved_as_a_whole(group: PlacementGroup, captures: bool) -> None:
    where = PlacementGroupSchedulingStrategy(group, 1, placement_group_capture_child_tasks=captures)
    remote: Any = ray.remote
    assert ray.get(remote(num_cpus=1)(_free).options(scheduling_strategy=where).remote(), timeout=60)[1] == (2, 2)
    asks: Any = remote(num_cpus=1)(_Asks).options(scheduling_strategy=where).remote()
    own, total = ray.get(asks.free.remote(), timeout=60)
    assert (own[0], total) == (1, (2, 2))
    ray.kill(asks)


def _refusal() -> str:
    with pytest.raises(PlacementError) as refused:
        plan_placement(cluster_nodes(), WorkerRequest(num_workers=5, gpus_per_worker=0, cpus_per_worker=1))
    return str(refused.value)


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_who_has_no_room_beside_its_own_placement_group_is_told_what_that_holds(group: PlacementGroup) -> None:
    assert "holds" not in _refusal()
    where = PlacementGroupSchedulingStrategy(group, 1, placement_group_capture_child_tasks=True)
    remote: Any = ray.remote
    said = ray.get(remote(num_cpus=1)(_refusal).options(scheduling_strategy=where).remote(), timeout=60)
    assert "has 2 GPUs and 2 CPUs on 2 nodes, room for 2, without the 1 GPUs and 2 CPUs that the calling task" in said


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_nothing_is_asked_of_another_ray_once_the_own_was_shut_down(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = HeadWatch()
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(WorkersLostError, match="Ray was shut down in this process"):
        cluster_nodes()
    with pytest.raises(WorkersLostError, match="Ray was shut down in this process"):
        watch.is_up()
