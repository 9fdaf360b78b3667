from dataclasses import replace

import pytest

from cluster.errors import PlacementError
from cluster.placement import Placement, Resources, plan_placement

_LAPTOP = [Resources(num_cpus=2, num_gpus=0)]
_WORKSTATION = [Resources(num_cpus=16, num_gpus=2)]
_CLUSTER = [Resources(num_cpus=4, num_gpus=0), Resources(num_cpus=32, num_gpus=4), Resources(num_cpus=8, num_gpus=1)]


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (_LAPTOP, Placement(1, 0, 2)),
        ([Resources(32, 0)], Placement(4, 0, 8)),
        ([Resources(4, 0), Resources(4, 0)], Placement(2, 0, 4)),
        (_WORKSTATION, Placement(2, 1, 8)),
        (_CLUSTER, Placement(5, 1, 8)),
    ],
)
def test_one_worker_per_gpu_or_workers_that_fill_the_cores(nodes: list[Resources], expected: Placement) -> None:
    assert plan_placement(nodes) == replace(expected, elastic=True)


def test_actors_asked_for_share_the_cores() -> None:
    assert plan_placement(_LAPTOP, num_workers=2) == Placement(2, 0, 1)


def test_fractions_share_a_gpu() -> None:
    assert plan_placement(_WORKSTATION, gpus_per_worker=0.5, cpus_per_worker=1) == Placement(4, 0.5, 1, elastic=True)
    assert plan_placement([Resources(8, 1)], gpus_per_worker=0.4, cpus_per_worker=1).num_workers == 2


def test_gpus_can_be_left_unused() -> None:
    assert plan_placement(_WORKSTATION, gpus_per_worker=0).gpus_per_worker == 0


@pytest.mark.parametrize(
    ("nodes", "options"),
    [(_LAPTOP, {"gpus_per_worker": 1}), (_WORKSTATION, {"num_workers": 3}), (_LAPTOP, {"cpus_per_worker": 3})],
)
def test_more_than_the_cluster_has_is_refused_with_what_it_has(
    nodes: list[Resources], options: dict[str, float]
) -> None:
    with pytest.raises(PlacementError, match=f"the cluster has {nodes[0].num_gpus} GPUs and {nodes[0].num_cpus} CPUs"):
        plan_placement(nodes, **options)  # type: ignore[arg-type]
