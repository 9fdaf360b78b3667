import pytest

from cluster.refusals import _REST_S, Refusals
from cluster.worker import Worker


@pytest.fixture
def workers() -> list[Worker[int, None]]:
    """One on each of three nodes."""
    info: object = object()
    return [Worker(number, None, node_id=name, host="host", info=info) for number, name in enumerate("abc")]  # type: ignore[arg-type]


@pytest.fixture
def refusals(workers: list[Worker[int, None]]) -> Refusals[int, None]:
    """What they refuse, of which three nodes are asked at most."""
    return Refusals(workers, 3)


def test_one_node_has_nobody_to_leave_its_tasks_to(workers: list[Worker[int, None]]) -> None:
    refusals = Refusals(workers[:1], 3)
    assert not refusals.may_refuse(workers[0], 7)
    assert refusals.named(workers[0], "reason") == "reason"


def test_a_task_is_open_to_the_others_until_all_have_refused_it(
    workers: list[Worker[int, None]], refusals: Refusals[int, None]
) -> None:
    for number, worker in enumerate(workers):
        assert refusals.may_refuse(worker, 7)
        refusals.refused(worker, 7, 0.0)
        assert refusals.is_open_to(worker, 7) == (number == 2)
    assert not any(refusals.may_refuse(worker, 7) for worker in workers)
    assert refusals.may_refuse(workers[0], 8)
    assert refusals.named(workers[0], "reason") == "on host: reason"


def test_a_node_that_refused_what_another_did_may_refuse_when_it_is_alone_and_is_not_asked_for_the_rest(
    workers: list[Worker[int, None]], refusals: Refusals[int, None]
) -> None:
    first, second, third = workers
    refusals.refused(first, 7, 0.0)
    refusals.done(second, 7, might_refuse=True)
    refusals.refused(second, 8, 0.0)
    refusals.refused(third, 8, 0.0)
    assert refusals.is_open_to(second, 8)
    assert not refusals.may_refuse(second, 8)
    del workers[1:]
    assert refusals.may_refuse(first, 9)
    refusals.done(first, 9, might_refuse=True)
    assert not refusals.may_refuse(first, 9)


def test_a_node_that_refused_rests_and_then_gets_one_task_unless_all_rest(
    workers: list[Worker[int, None]], refusals: Refusals[int, None]
) -> None:
    first, second, third = workers
    refusals.refused(first, 7, 0.0)
    assert [refusals.rests(worker, 1.0) for worker in workers] == [True, False, False]
    assert not refusals.rests(first, _REST_S)
    refusals.given(first, _REST_S)
    assert refusals.rests(first, _REST_S)
    refusals.refused(second, 7, _REST_S)
    refusals.refused(third, 7, _REST_S)
    assert not any(refusals.rests(worker, _REST_S) for worker in workers)
    refusals.done(first, 8, might_refuse=True)
    assert [refusals.rests(worker, _REST_S) for worker in workers] == [False, True, True]
