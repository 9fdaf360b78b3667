import math
from dataclasses import replace

import pytest

from cluster.errors import PlacementError
from cluster.nodes import Node
from cluster.placement import Placement, WorkerRequest, plan_placement

_LAPTOP = [Node(num_cpus=2, num_gpus=0)]
_WORKSTATION = [Node(num_cpus=16, num_gpus=2)]
_CLUSTER = [Node(num_cpus=4, num_gpus=0), Node(num_cpus=32, num_gpus=4), Node(num_cpus=8, num_gpus=1)]


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (_LAPTOP, Placement(1, 0, 2)),
        ([Node(32, 0)], Placement(4, 0, 8)),
        ([Node(4, 0), Node(4, 0)], Placement(2, 0, 4)),
        (_WORKSTATION, Placement(2, 1, 8)),
        (_CLUSTER, Placement(5, 1, 8)),
        ([Node(26, 1)], Placement(1, 1, 26)),
        ([Node(200, 1)], Placement(1, 1, 32)),
    ],
)
def test_one_worker_per_gpu_or_workers_that_fill_the_cores(nodes: list[Node], expected: Placement) -> None:
    assert plan_placement(nodes, WorkerRequest()) == replace(expected, elastic=True)


def test_a_kind_of_gpu_and_no_gpu_are_not_asked_for_together() -> None:
    with pytest.raises(PlacementError, match="Expected `gpus_per_actor` above 0 with `accelerator_type`"):
        WorkerRequest(accelerator_type="T4", gpus_per_worker=0).check()
    WorkerRequest(accelerator_type="T4").check()
    WorkerRequest(gpus_per_worker=0).check()


def test_actors_asked_for_share_the_cores() -> None:
    assert plan_placement(_LAPTOP, WorkerRequest(num_workers=2)) == Placement(2, 0, 1)


@pytest.mark.parametrize(
    ("cores", "num_workers", "cpus_per_worker"),
    [
        ([12], 2, 6),
        ([14], 2, 7),
        ([15], 3, 5),
        ([20], 4, 5),
        ([9], 1, 8),
        ([7.5], 1, 7),
        ([1], 1, 1),
        ([8, 6], 2, 6),
        ([16, 4], 5, 4),
        ([4, 2], 3, 2),
        ([64, 1], 8, 8),
    ],
)
def test_without_gpus_few_cores_are_left_idle(cores: list[float], num_workers: int, cpus_per_worker: float) -> None:
    nodes = [Node(num_cpus, 0) for num_cpus in cores]
    assert plan_placement(nodes, WorkerRequest()) == Placement(num_workers, 0, cpus_per_worker, elastic=True)


@pytest.mark.parametrize(
    ("cores", "num_workers", "cpus_per_worker"), [([8, 6], 2, 6), ([5, 5], 3, 2), ([6, 6, 6], 2, 6), ([12], 5, 2)]
)
def test_actors_asked_for_fit_on_the_nodes(cores: list[float], num_workers: int, cpus_per_worker: float) -> None:
    nodes = [Node(num_cpus, 0) for num_cpus in cores]
    assert plan_placement(nodes, WorkerRequest(num_workers)) == Placement(num_workers, 0, cpus_per_worker)


def test_fractions_share_a_gpu() -> None:
    halves = WorkerRequest(gpus_per_worker=0.5, cpus_per_worker=1)
    assert plan_placement(_WORKSTATION, halves) == Placement(4, 0.5, 1, elastic=True)
    assert plan_placement([Node(8, 1)], replace(halves, gpus_per_worker=0.4)).num_workers == 2


def test_gpus_can_be_left_unused() -> None:
    assert plan_placement(_WORKSTATION, WorkerRequest(gpus_per_worker=0)).gpus_per_worker == 0


@pytest.mark.parametrize(
    ("nodes", "options"),
    [(_LAPTOP, {"gpus_per_worker": 1}), (_WORKSTATION, {"num_workers": 3}), (_LAPTOP, {"cpus_per_worker": 3})],
)
def test_more_than_the_cluster_has_is_refused_with_what_it_has(nodes: list[Node], options: dict[str, float]) -> None:
    with pytest.raises(PlacementError, match=f"the cluster has {nodes[0].num_gpus} GPUs and {nodes[0].num_cpus} CPUs"):
        plan_placement(nodes, WorkerRequest(**options))  # type: ignore[arg-type]


_TWO_KINDS = [
    Node(num_cpus=64, num_gpus=0),
    Node(num_cpus=8, num_gpus=1, accelerator_types=frozenset({"T4"})),
    Node(num_cpus=32, num_gpus=4, accelerator_types=frozenset({"A100"})),
]


def test_one_kind_of_gpu_is_used_where_it_is_named() -> None:
    placement = plan_placement(_TWO_KINDS, WorkerRequest(accelerator_type="A100"))
    assert placement == Placement(4, 1, 8, elastic=True, accelerator_type="A100")
    assert placement.bundle == {"CPU": 8, "GPU": 1, "accelerator_type:A100": 0.001}


def test_cores_are_shared_where_the_gpus_fit() -> None:
    placement = plan_placement(_TWO_KINDS, WorkerRequest(gpus_per_worker=2))
    assert placement == Placement(2, 2, 16, elastic=True)
    assert plan_placement([*_TWO_KINDS, Node(2, 1)], WorkerRequest(gpus_per_worker=4)).cpus_per_worker == 32


def test_nodes_without_gpus_get_no_workers_where_there_are_gpus() -> None:
    assert plan_placement(_TWO_KINDS, WorkerRequest()).num_workers == 5


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("H100", "Expected GPUs of the kind H100; the cluster has A100, T4. Name one of those, or leave it out."),
        ("a100", "one of Ray's names, such as A100, "),
        ("Voodoo2", "received 'Voodoo2', and the cluster has A100, T4"),
    ],
)
def test_kind_that_is_not_there_is_refused_with_those_that_are(wanted: str, message: str) -> None:
    with pytest.raises(PlacementError, match=message):
        plan_placement(_TWO_KINDS, WorkerRequest(accelerator_type=wanted))


def test_kind_is_refused_without_others_to_name_where_there_are_none() -> None:
    with pytest.raises(PlacementError, match=r"has none that Ray knows the kind of\. Leave it out\.$"):
        plan_placement([Node(num_cpus=2, num_gpus=0)], WorkerRequest(accelerator_type="A100"))


@pytest.mark.parametrize("gpus", [1.5, 0.00001, math.inf, math.nan])
def test_parts_of_several_gpus_are_refused(gpus: float) -> None:
    with pytest.raises(PlacementError, match="a whole number or a share of one GPU"):
        plan_placement(_WORKSTATION, WorkerRequest(gpus_per_worker=gpus))


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (WorkerRequest(num_workers=10**15), "actors"),
        (WorkerRequest(gpus_per_worker=1e300), "gpus_per_actor"),
        (WorkerRequest(cpus_per_worker=1e300), "cpus_per_actor"),
        (WorkerRequest(cpus_per_worker=math.inf), "cpus_per_actor"),
    ],
)
def test_amounts_beyond_what_ray_counts_are_refused_and_no_node_is_asked_for(asked: WorkerRequest, field: str) -> None:
    with pytest.raises(PlacementError, match=rf"Expected `{field}` of at most 1e\+09; received"):
        plan_placement(_WORKSTATION, asked, can_grow=True)


@pytest.mark.parametrize(("seconds", "bound"), [(math.inf, r"at most 1e\+09"), (math.nan, "at least 0")])
def test_nodes_are_not_waited_for_without_end(seconds: float, bound: str) -> None:
    with pytest.raises(PlacementError, match=f"Expected `wait_for_nodes` of {bound}; received"):
        WorkerRequest(wait_for_nodes_s=seconds).check()


_EMPTY = [Node(num_cpus=0, num_gpus=0)]


def test_autoscaling_cluster_is_asked_for_the_first_node_and_for_as_many_as_are_named() -> None:
    one = plan_placement(_EMPTY, WorkerRequest(gpus_per_worker=1), can_grow=True)
    assert (one.num_workers, one.elastic, one.by_autoscaler, one.patience_s) == (1, True, True, 900)
    assert plan_placement(_EMPTY, WorkerRequest(8, accelerator_type="T4"), can_grow=True).num_workers == 8
    assert plan_placement(_WORKSTATION, WorkerRequest(8), can_grow=True).num_workers == 8


def test_autoscaling_cluster_without_room_must_be_told_what_to_ask_for() -> None:
    with pytest.raises(PlacementError, match="Say what each needs with `gpus_per_actor`"):
        plan_placement(_EMPTY, WorkerRequest(), can_grow=True)


def test_user_decides_how_long_nodes_are_waited_for() -> None:
    patient = plan_placement(_EMPTY, WorkerRequest(gpus_per_worker=1, wait_for_nodes_s=30))
    assert (patient.num_workers, patient.by_autoscaler, patient.patience_s) == (1, False, 30)
    with pytest.raises(PlacementError, match="room for 0"):
        plan_placement(_EMPTY, WorkerRequest(gpus_per_worker=1, wait_for_nodes_s=0), can_grow=True)
