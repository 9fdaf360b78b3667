from typing import Any

import pytest

from cluster.devices import Devices
from cluster.errors import WaitingWarning, WorkerStartError
from cluster.failed_starts import FailedStarts
from cluster.nodes import Node
from cluster.placement import Placement
from cluster.worker import Worker, WorkerInfo

_TWO_EACH = Placement(num_workers=4, gpus_per_worker=0, cpus_per_worker=1)
_NODES = [Node(2, 0, node_id="a"), Node(2, 0, node_id="b")]


def _places(failed: FailedStarts, count: int, taken: list[str | None] | None = None) -> list[str | None]:
    return failed.places(count, lambda: _NODES, _TWO_EACH, taken or [])


def test_before_a_start_has_failed_ray_chooses_the_nodes() -> None:
    assert _places(FailedStarts(), 3) == [None, None, None]


def test_nodes_that_have_not_failed_are_tried_first_and_one_that_has_three_times_never_again() -> None:
    failed = FailedStarts()
    failed.note("a")
    assert _places(failed, 3, ["b", "a"]) == ["b", "a", None]
    for _ in range(2):
        failed.note("a")
    assert failed.are_many
    assert _places(failed, 3, ["b"]) == ["b"], "none waits for any node: Ray would take the one that has room"
    assert _places(failed, 3, ["b", "a", "a"]) == ["b", None, None]
    failed.clear("b")
    assert not failed.are_many
    assert _places(failed, 3) == ["b", "b"]
    failed.clear("a")
    assert _places(failed, 1) == [None]


def test_after_three_failures_in_a_row_only_nodes_without_any_are_tried() -> None:
    failed = FailedStarts()
    for node_id in ("a", "b", "a"):
        failed.note(node_id)
    assert _places(failed, 2) == []
    failed.clear("b")
    assert _places(failed, 4) == ["b", "b", "a", "a"]


def test_failures_on_unknown_nodes_count_for_all_of_them() -> None:
    failed = FailedStarts()
    for _ in range(3):
        assert failed.was_spared("a")
        assert _places(failed, 1) != []
        failed.note(None)
    assert _places(failed, 1) == []
    failed.clear("a")
    assert _places(failed, 1) == [None]


def test_no_node_is_chosen_that_workers_may_fill_whose_node_is_not_known_yet() -> None:
    failed = FailedStarts()
    failed.note("a")
    assert _places(failed, 2, [None]) == ["b", "a"]
    assert _places(failed, 2, [None, None]) == [None, None]
    for _ in range(2):
        failed.note("a")
    assert _places(failed, 2, [None]) == ["b"]
    assert _places(failed, 2, [None, None]) == []


def _starting(node_id: str | None, since: float) -> Worker[int, Any]:
    """One that has begun there; one that waits for room if no node is named."""
    return Worker(0, None, node_id, f"host-{node_id}" if node_id else None, busy_since=since)


def _lose_in_turn(failed: FailedStarts, count: int, others: list[Worker[int, Any]]) -> None:
    """A node, and the one in its place, and so on: each start begins a second after the last loss."""
    for number in range(count):
        failed.node_lost(_starting(f"spot-{number}", 10 * number + 1), others, 10 * number + 10)


def test_starts_that_are_lost_with_one_node_after_the_other_are_told_and_then_end() -> None:
    failed, waits = FailedStarts(), _starting(None, 0)
    with pytest.warns(WaitingWarning, match=r"started on them: 2, the last one host-spot-1\. .* `cpus_per_actor`"):
        _lose_in_turn(failed, 4, [waits])
    assert _places(failed, 1) == [None]
    with pytest.raises(WorkerStartError, match=r"^No actor gets ready\. Nodes .* them: 5, the last one host-e\. If"):
        failed.node_lost(_starting("e", 100), [waits, _starting("f", 99)], 110)


@pytest.mark.filterwarnings("error")
def test_nodes_that_are_taken_back_together_count_once_and_those_that_actors_only_waited_for_not_at_all() -> None:
    failed = FailedStarts()
    for number in range(20):
        failed.node_lost(_starting(str(number), 1 + number / 100), [], 10 + number / 100)
        failed.node_lost(_starting(None, 0), [], 10)
    assert "them: 20, the last one host-19. If" in failed.lost_nodes


@pytest.mark.filterwarnings("error")
def test_a_worker_that_is_ready_ends_a_row_of_lost_nodes() -> None:
    failed = FailedStarts()
    for number in range(20):
        _lose_in_turn(failed, 1, [])
        failed.clear(str(number))
    assert failed.lost_nodes == ""


@pytest.mark.filterwarnings("ignore::cluster.errors.WaitingWarning")
def test_nodes_that_are_lost_under_starts_end_no_job_that_a_worker_outlasts_which_may_start_anywhere() -> None:
    ready: Worker[int, Any] = Worker(0, None, "a", "host-a", WorkerInfo(0, Devices("host-a", "a", 1, 1, ()), None, 1))
    for other in (ready, _starting("b", 0.5)):
        failed = FailedStarts()
        _lose_in_turn(failed, 7, [other])
        assert _places(failed, 3) == [None, None, None]
