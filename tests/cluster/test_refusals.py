"""Real bookkeeping of which node is asked for what, on a clock that stands between events: no Ray."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest

from cluster.ledger import Assignment, TaskLedger
from cluster.refusals import _PATIENCE_S, _REST_S, Refusals
from cluster.worker import Worker, WorkerInfo

_ALL, _HALF = "none of it can be read", "half of it can be read"


def _workers(num_nodes: int, each: int = 1) -> list[Worker[int, None]]:
    devices: object = object()
    info: WorkerInfo[None] = WorkerInfo(0, devices, None, tasks_at_once=2)  # type: ignore[arg-type]
    names = [chr(ord("a") + number % num_nodes) for number in range(num_nodes * each)]
    return [Worker(number, None, node_id=name, host="host", info=info) for number, name in enumerate(names)]


class _Pool:
    """Refusals and a ledger, and what a pool does with both.

    Args:
        workers: All there are.
        num_tasks: Tasks count from 0.
    """

    def __init__(self, workers: list[Worker[int, None]], num_tasks: int) -> None:
        self.refusals, self.ledger = Refusals(workers, 3), TaskLedger(range(num_tasks), 3)
        self.failed: list[int] = []
        self.now = 0.0

    def give(self, worker: Worker[int, None]) -> Assignment[int] | None:
        """Give a worker what it is to do next."""
        given = self.refusals.assign(self.ledger, worker, self.now)
        if given:
            worker.give(given.task, given.alone)
        return given

    def end(self, worker: Worker[int, None], given: Assignment[int], said: str | None) -> bool:
        """A task ends: nothing is said if it was done well; True if this result counts."""
        worker.release(given.task)
        agrees = said == _HALF and said in (given.refusals or ())
        if said is None or given.refusals is None or agrees:
            self.refusals.done(worker, given, said)
            return self.ledger.done(given.task)
        if self.refusals.refused(worker, given.task, said, self.now):
            self.ledger.refused(given.task, worker.worker_id)
        elif self.ledger.raised(given.task, worker.worker_id, said):
            self.failed.append(given.task)
        return False

    def do(self, worker: Worker[int, None], said: str | None) -> Assignment[int]:
        """Give a worker a task that ends at once."""
        given = self.give(worker)
        assert given
        self.end(worker, given, said)
        return given


def test_one_node_has_nobody_to_leave_its_tasks_to() -> None:
    workers = _workers(1, each=2)
    pool = _Pool(workers, 1)
    assert pool.give(workers[0]) == Assignment(0, refusals=None)
    assert pool.refusals.named(workers[0], "reason") == "reason"


def test_a_task_is_left_to_the_others_and_the_last_one_does_it_as_well_as_can_be() -> None:
    workers = _workers(3)
    pool = _Pool(workers, 1)
    assert pool.refusals.named(workers[0], "reason") == "on host: reason"
    assert pool.do(workers[0], _ALL).refusals == frozenset()
    assert pool.give(workers[0]) is None, "others are to be asked"
    assert pool.do(workers[1], _ALL).refusals == frozenset([_ALL])
    assert pool.do(workers[2], _ALL).refusals is None
    assert not pool.ledger.is_open


def test_a_node_that_has_done_tasks_is_asked_before_those_that_have_not() -> None:
    first, second, third = _workers(3)
    pool = _Pool([first, second, third], 3)
    pool.do(third, None)
    pool.do(first, _ALL)
    assert pool.do(second, None).task == 2
    pool.refusals.refused(second, 9, _ALL, pool.now)
    assert pool.do(third, None).task == 1


def test_three_nodes_that_can_do_tasks_are_enough_and_one_that_never_did_any_does_not_count() -> None:
    *able, other, last = _workers(5)
    pool = _Pool([*able, other, last], 5)
    for worker in able:
        pool.do(worker, None)
    assert pool.do(other, _ALL).task == 3
    assert pool.do(last, None).task == 4, "not what those are asked that can do tasks"
    given = [pool.do(worker, _ALL) for worker in able]
    assert [each.task for each in given] == [3, 3, 3]
    assert [each.refusals for each in given] == [frozenset([_ALL]), frozenset([_ALL]), None]
    assert not pool.ledger.is_open


def test_a_node_that_refused_what_another_did_is_asked_for_no_others_tasks_and_fails_alone() -> None:
    first, second = workers = _workers(2)
    pool = _Pool(workers, 9)
    pool.do(first, _ALL)
    assert pool.do(second, None).task == 0
    pool.now += _REST_S
    pool.do(second, _HALF)
    assert pool.ledger.num_repeats == 1, "no other node counts: it is done as well as can be"
    del workers[1]
    assert pool.do(first, _ALL).refusals == frozenset()
    assert pool.failed == [2], "nor is it done by a node that is known to lack what it takes"
    pool.do(first, None)
    assert pool.do(first, None).refusals is None


def test_three_nodes_are_enough_where_each_has_refused_several_tasks_and_none_has_done_any() -> None:
    workers = _workers(5)
    pool = _Pool(workers, 5)
    for task in range(4):
        *others, last = workers[task:] + workers[:task]
        for worker in others:
            assert pool.do(worker, _ALL) == Assignment(task, refusals=frozenset({_ALL} if worker != others[0] else ()))
            pool.now += 2 * _REST_S
        assert pool.do(last, _ALL) == Assignment(task), "it is done as well as can be"
    given = [pool.do(worker, _ALL) for worker in workers[:3]]
    assert [each.task for each in given] == [4, 4, 4]
    assert given[-1].refusals is None


def test_a_node_that_refused_rests_and_then_gets_one_task_unless_all_rest() -> None:
    first, second, third = workers = _workers(3)
    pool = _Pool(workers, 9)
    pool.do(first, _ALL)
    assert [pool.refusals.rests(worker, 1.0) for worker in workers] == [True, False, False]
    pool.now = _REST_S
    assert pool.give(first)
    assert pool.refusals.rests(first, _REST_S)
    pool.do(second, _ALL)
    pool.refusals.refused(third, 7, _ALL, _REST_S)
    assert not any(pool.refusals.rests(worker, _REST_S) for worker in workers)
    pool.end(first, Assignment(1, refusals=frozenset()), None)
    assert [pool.refusals.rests(worker, _REST_S) for worker in workers] == [False, True, True]


@dataclass
class _Run:
    """What became of tasks of 60 s, two at once for each worker.

    Attributes:
        lost: Tasks that were done without what another node has.
        short: Tasks of which not all was read.
        readings: How often each was tried.
    """

    failed: list[int]
    seconds: float = 0.0
    lost: list[int] = field(default_factory=list)
    short: list[int] = field(default_factory=list)
    readings: Counter[int] = field(default_factory=Counter)


def _simulate(workers: list[Worker[int, None]], num_tasks: int, says: Callable[[str, int], str | None]) -> _Run:
    """Do tasks, of which nodes say something or nothing; a node that has nothing says so in a second."""
    chance, order = random.Random(0), count()
    events: list[tuple[float, int, Worker[int, None], Assignment[int], str | None]] = []
    pool = _Pool(workers, num_tasks)
    run = _Run(pool.failed)
    while pool.ledger.is_open:
        for worker in workers:
            while given := pool.give(worker):
                run.readings[given.task] += 1
                said = says(str(worker.node_id), given.task)
                took_s = 1.0 if said == _ALL else 60.0 + 20.0 * chance.random()
                heapq.heappush(events, (pool.now + took_s, next(order), worker, given, said))
        if not events or events[0][0] > pool.now + 1.0:
            pool.now += 1.0
            assert pool.now < 100_000, "it never ends"
            continue
        pool.now, _, worker, given, said = heapq.heappop(events)
        if pool.end(worker, given, said):
            run.short += [given.task] if said else []
            best = {says(str(other.node_id), given.task) for other in workers}
            run.lost += [given.task] if said not in best or (said == _ALL and len(best) > 1) else []
    run.seconds = pool.now
    assert set(run.readings) == set(range(num_tasks))
    return run


@pytest.mark.ci
@pytest.mark.parametrize("each", [1, 2, 4])
@pytest.mark.parametrize("num_nodes", [2, 3, 4, 10])
@pytest.mark.parametrize("one_in", [1, 2, 4])
def test_tasks_of_which_half_can_be_read_nowhere_are_all_done_and_read_about_once_more(
    num_nodes: int, each: int, one_in: int
) -> None:
    def says(node: str, task: int) -> str | None:
        return _HALF if task % one_in == 0 else None

    num_tasks = 16 * num_nodes * each
    run = _simulate(_workers(num_nodes, each), num_tasks, says)
    assert not run.failed
    halves = [run.readings[task] for task in range(0, num_tasks, one_in)]
    assert sum(halves) / len(halves) < 2.4
    as_one = _simulate(_workers(1, num_nodes * each), num_tasks, says)
    assert run.seconds < 2.6 * as_one.seconds


@pytest.mark.parametrize("num_nodes", [1, 2, 3, 4, 8])
def test_a_last_task_that_idle_nodes_copy_is_done_though_all_refuse_it_at_once(num_nodes: int) -> None:
    run = _simulate(_workers(num_nodes, 2), 1, lambda node, task: _HALF)
    assert (run.failed, run.lost) == ([], [])
    assert run.readings[0] <= 4


def test_a_node_hears_nothing_of_what_it_said_itself_nor_of_what_a_faulty_one_said() -> None:
    first, second, third = _workers(3)
    pool = _Pool([first, second, third], 3)
    pool.do(first, _HALF)
    given = pool.give(second)
    assert given == Assignment(0, refusals=frozenset({_HALF}))
    second.release(0)
    assert pool.ledger.lost(0, second.worker_id, "its actor died") is None
    pool.now += _REST_S
    assert pool.do(first, _HALF) == Assignment(0, alone=True, refusals=frozenset())
    pool.do(second, None)
    assert pool.give(third) == Assignment(1, refusals=frozenset())
    pool.now += _REST_S
    pool.do(first, _HALF)  # which lacks something, as is known by now
    assert pool.give(second) == Assignment(2, refusals=frozenset())


def test_a_node_that_was_refuted_agrees_with_none_though_it_does_other_tasks_well() -> None:
    first, second, third = _workers(3)
    pool = _Pool([first, second, third], 5)
    pool.do(first, _HALF)
    pool.do(second, None)
    pool.now += _REST_S
    pool.do(first, None)
    pool.do(third, None)
    assert pool.do(first, _HALF) == Assignment(3, refusals=frozenset())
    assert pool.do(third, _HALF) == Assignment(3, refusals=frozenset())
    assert pool.do(second, None).task == 3


@pytest.mark.parametrize(("num_bad", "num_nodes"), [(2, 3), (2, 4), (3, 20), (4, 20)])
@pytest.mark.parametrize("each", [1, 4])
def test_nodes_that_lack_one_disk_of_two_agree_only_until_others_have_refuted_them(
    num_bad: int, num_nodes: int, each: int
) -> None:
    bad = {worker.node_id for worker in _workers(num_nodes)[:num_bad]}
    num_tasks = 16 * num_nodes * each
    run = _simulate(
        _workers(num_nodes, each), num_tasks, lambda node, task: _HALF if node in bad and task % 2 else None
    )
    assert not run.failed
    assert len(run.short) <= 3


@pytest.mark.parametrize("comes", [False, True])
def test_no_task_is_given_up_while_a_node_may_soon_come(comes: bool) -> None:
    bad, good = workers = _workers(2)
    pool = _Pool(workers, 3)
    pool.do(bad, _ALL)
    pool.do(good, None)
    workers[1] = Worker(2, None)  # its actor is replaced
    for _ in range(3):
        assert pool.do(bad, _ALL).refusals == frozenset()
        assert pool.give(bad) is None, "it rests"
        pool.now += _REST_S
    assert not pool.failed
    if comes:
        workers[1] = good
        pool.do(good, None)
    pool.now += _PATIENCE_S
    pool.do(bad, _ALL)
    assert bool(pool.failed) != comes


def test_what_no_node_can_read_any_of_is_asked_of_all_until_they_have_proven_alike() -> None:
    run = _simulate(_workers(10), 400, lambda node, task: _ALL)
    assert not run.failed
    assert sum(run.readings.values()) < 4 * 400


@pytest.mark.parametrize(("num_bad", "num_nodes"), [(1, 2), (2, 4), (3, 4), (4, 8), (3, 20)])
@pytest.mark.parametrize("each", [1, 4])
def test_nodes_that_lack_all_leave_what_they_are_given_to_the_others(num_bad: int, num_nodes: int, each: int) -> None:
    bad = {worker.node_id for worker in _workers(num_nodes)[:num_bad]}
    run = _simulate(_workers(num_nodes, each), 8 * num_nodes * each, lambda node, task: _ALL if node in bad else None)
    assert (run.failed, run.lost) == ([], [])
    alone = _simulate(_workers(num_nodes - num_bad, each), 8 * num_nodes * each, lambda node, task: None)
    assert run.seconds < 1.1 * alone.seconds


@pytest.mark.ci
@pytest.mark.parametrize(("num_bad", "num_nodes"), [(2, 4), (3, 4), (3, 20)])
def test_nodes_that_lack_all_and_tasks_of_which_half_is_nowhere_are_told_apart(num_bad: int, num_nodes: int) -> None:
    bad = {worker.node_id for worker in _workers(num_nodes)[:num_bad]}

    def says(node: str, task: int) -> str | None:
        return _ALL if node in bad else _HALF if task % 4 == 0 else None

    run = _simulate(_workers(num_nodes, 2), 16 * num_nodes, says)
    assert (run.failed, run.lost) == ([], [])


@pytest.mark.parametrize("said", [_ALL, _HALF])
@pytest.mark.parametrize("each", [1, 2])
@pytest.mark.parametrize("nowhere", [7, 1000])
def test_two_nodes_that_lack_one_of_two_disks_do_for_each_other_what_they_can(
    said: str, each: int, nowhere: int
) -> None:
    def says(node: str, task: int) -> str | None:
        return said if (node == "a") == (task % 2 == 0) or task % nowhere == nowhere - 1 else None

    run = _simulate(_workers(2, each), 120, says)
    assert (run.failed, run.lost) == ([], [])
    readings = [run.readings[task] for task in range(nowhere - 1, 120, nowhere)]
    assert sum(readings) <= 3.5 * len(readings)


@pytest.mark.parametrize("lacks_one", [True, False])
@pytest.mark.parametrize("each", [1, 2])
def test_three_nodes_that_lack_one_of_three_disks_or_all_but_one_do_for_each_other_what_they_can(
    lacks_one: bool, each: int
) -> None:
    def says(node: str, task: int) -> str | None:
        return _ALL if ("abc".index(node) == task % 3) == lacks_one else None

    run = _simulate(_workers(3, each), 180, says)
    assert (run.failed, run.lost) == ([], [])


@pytest.mark.parametrize(("num_bad", "num_nodes"), [(3, 4), (5, 6), (7, 8)])
def test_nodes_that_lack_the_same_disk_are_believed_no_longer_than_until_each_was_refuted(
    num_bad: int, num_nodes: int
) -> None:
    bad = {worker.node_id for worker in _workers(num_nodes)[:num_bad]}
    run = _simulate(
        _workers(num_nodes, 2), 20 * num_nodes, lambda node, task: _ALL if node in bad and task % 5 == 0 else None
    )
    assert not run.failed
    assert len(run.lost) <= num_bad


@pytest.mark.parametrize(("num_bad", "num_nodes"), [(3, 4), (5, 6)])
def test_nodes_that_lack_all_are_not_believed_before_the_others_have_done_a_task(num_bad: int, num_nodes: int) -> None:
    bad = {worker.node_id for worker in _workers(num_nodes)[:num_bad]}
    run = _simulate(
        _workers(num_nodes, 2), 20 * num_nodes, lambda node, task: _ALL if node in bad or task % 5 == 4 else None
    )
    assert (run.failed, run.lost) == ([], [])


def test_a_node_that_rests_is_given_only_what_all_others_have_refused() -> None:
    first, second = _workers(2)
    pool = _Pool([first, second], 9)
    pool.do(first, None)
    pool.do(first, _ALL)
    assert pool.give(first) is None
    assert pool.do(second, None).task == 1
    other = pool.give(second)
    assert other
    pool.do(second, _ALL)
    pool.end(second, other, None)
    assert pool.do(first, None) == Assignment(3, refusals=frozenset())


def test_what_two_nodes_could_not_do_for_a_time_is_done_by_the_one_that_works_again() -> None:
    first, second = _workers(2)
    pool = _Pool([first, second], 9)
    for bad, good in ((first, second), (second, first)):
        pool.do(bad, _ALL)
        pool.do(good, None)
        pool.now += _REST_S
        pool.do(bad, None)
    for worker in (first, second):
        assert pool.do(worker, _ALL) == Assignment(4, refusals=frozenset())
    assert pool.do(second, None) == Assignment(5, refusals=frozenset()), "nobody has shown that it works again"
    assert pool.give(first) is None
    assert pool.do(second, None) == Assignment(4)


def test_a_node_that_has_lost_its_disk_waits_for_another_to_come_before_it_does_tasks_as_well_as_can_be() -> None:
    bad, good = workers = _workers(2)
    pool = _Pool(workers, 9)
    pool.do(bad, None)
    pool.do(bad, _ALL)
    pool.do(good, None)
    workers[1] = Worker(2, None)
    while pool.now < _PATIENCE_S:
        assert pool.do(bad, _ALL).refusals == frozenset()
        assert pool.give(bad) is None, "it rests"
        pool.now += _REST_S
    assert not pool.failed
    pool.now += _REST_S
    assert pool.do(bad, _ALL).refusals is None
