from cluster.failed_starts import FailedStarts
from cluster.nodes import Node
from cluster.placement import Placement

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
