import pytest

from cluster.idle_gpus import tell_idle
from cluster.nodes import Node
from cluster.placement import WorkerRequest, plan_placement

_LARGE = Node(64, 8, host="large")


@pytest.mark.parametrize(
    ("nodes", "request_", "told"),
    [
        ([_LARGE], WorkerRequest(), []),
        ([_LARGE, Node(7, 1, host="other")], WorkerRequest(), []),
        ([Node(8, 0, host="no-gpu"), _LARGE], WorkerRequest(), []),
        ([_LARGE, Node(2, 1, host="weak")], WorkerRequest(num_workers=2), []),
        (
            [_LARGE, Node(2, 1, host="weak")],
            WorkerRequest(),
            ["no actor gets more than 2 CPUs, which is what weak has for each; other nodes have up to 8"],
        ),
        (
            [_LARGE, Node(2, 1, host="weak")],
            WorkerRequest(cpus_per_worker=8),
            ["1 GPUs stay idle, as an actor takes 8 CPUs beside one: weak has 2 for 1"],
        ),
        (
            [Node(2, 4, host="few")],
            WorkerRequest(),
            ["2 GPUs stay idle, as an actor takes 1 CPUs beside one: few has 2 for 4"],
        ),
        (
            [_LARGE, *(Node(0, 1, host=f"none-{number}") for number in range(5))],
            WorkerRequest(cpus_per_worker=2),
            [
                "5 GPUs stay idle, as an actor takes 2 CPUs beside one: "
                "none-0 has 0 for 1, none-1 has 0 for 1, none-2 has 0 for 1 and 2 more"
            ],
        ),
        ([Node(1, 0.5, host="half"), Node(4, 2, host="a")], WorkerRequest(gpus_per_worker=0.5), []),
    ],
)
def test_gpus_and_cores_that_no_actor_gets_are_told(
    nodes: list[Node], request_: WorkerRequest, told: list[str]
) -> None:
    assert tell_idle(nodes, plan_placement(nodes, request_)) == told
