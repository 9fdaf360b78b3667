import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.ledger import Assignment, TaskLedger
from cluster.outcomes import TaskFailed


def test_tasks_are_assigned_in_order_and_end_once() -> None:
    ledger = TaskLedger([3, 1, 2], max_attempts=3)
    assert [ledger.assign(0, running) for running in (0, 1)] == [Assignment(3), Assignment(1)]
    assert ledger.done(3)
    assert not ledger.done(3)
    assert ledger.is_open


def test_lost_task_is_tried_again_alone_and_given_up_after_three_losses() -> None:
    ledger = TaskLedger([7, 8, 9], max_attempts=3)
    ledger.assign(0, 0)
    assert ledger.lost(7, 0, "died") is None
    assert ledger.assign(1, num_running=1) is None, "nothing is handed out beside a suspect"
    assert ledger.assign(1, num_running=0) == Assignment(7, alone=True)
    assert ledger.lost(7, 1, "died") is None
    ledger.assign(2, 0)
    assert ledger.lost(7, 2, "died again") == TaskFailed(7, 3, "died again")
    assert ledger.assign(3, 0) == Assignment(8)


def test_idle_worker_copies_the_oldest_task_once_and_the_first_to_end_counts() -> None:
    ledger = TaskLedger([1, 2], max_attempts=3)
    ledger.assign(0, 0)
    ledger.assign(1, 0)
    assert ledger.assign(2, 0) == Assignment(1)
    assert ledger.assign(3, 0) == Assignment(2)
    assert ledger.assign(4, 0) is None
    assert ledger.num_repeats == 2
    assert ledger.done(1)
    assert not ledger.done(1)
    assert ledger.done(2)
    assert not ledger.is_open


def test_busy_worker_copies_nothing_and_nobody_copies_its_own_task() -> None:
    ledger = TaskLedger([1], max_attempts=3)
    ledger.assign(0, 0)
    assert ledger.assign(0, 0) is None
    assert ledger.assign(1, 1) is None


def test_task_that_was_lost_is_not_copied() -> None:
    ledger = TaskLedger([1], max_attempts=3)
    ledger.assign(0, 0)
    ledger.lost(1, 0, "died")
    assert ledger.assign(1, 0) == Assignment(1, alone=True)
    assert ledger.assign(2, 0) is None


def test_copy_keeps_a_task_alive_when_the_other_is_lost_or_raises() -> None:
    ledger = TaskLedger([1], max_attempts=3)
    ledger.assign(0, 0)
    ledger.assign(1, 0)
    assert ledger.raised(1, 0, "disk full") is None
    assert ledger.lost(1, 1, "died") is None
    assert ledger.assign(2, 0) == Assignment(1, alone=True)
    assert ledger.raised(1, 2, "disk full") == TaskFailed(1, 2, "disk full")
    assert not ledger.is_open


def test_task_that_was_refused_goes_to_whom_it_is_open_as_often_as_it_is_refused() -> None:
    ledger = TaskLedger([0, 1, 2], max_attempts=3)
    ledger.assign(0, 0)
    ledger.refused(0, 0)
    assert ledger.assign(0, 1, lambda task: False) == Assignment(1)
    assert ledger.assign(1, 0) == Assignment(0)
    ledger.refused(0, 1)
    for worker_id in range(2, 12):
        assert ledger.assign(worker_id, 1) == Assignment(0)
        ledger.refused(0, worker_id)
    assert ledger.num_repeats == 12
    assert ledger.assign(12, 1) == Assignment(0)
    assert ledger.raised(0, 12, "none here") == TaskFailed(0, 13, "none here")
    assert ledger.assign(3, 0, lambda task: False) == Assignment(2)
    assert ledger.assign(4, 0, lambda task: task != 1) == Assignment(2), "nor are copies for whom it is not open"


def test_a_worker_that_is_given_only_what_was_refused_gets_nothing_new_no_suspect_and_no_copy() -> None:
    ledger = TaskLedger([0, 1, 2], max_attempts=3)
    ledger.assign(0, 0)
    ledger.assign(0, 1)
    assert ledger.assign(1, 0, only_refused=True) is None
    ledger.lost(0, 0, "died")
    ledger.refused(1, 0)
    assert ledger.assign(1, 0, only_refused=True) == Assignment(1)
    assert ledger.assign(2, 0, only_refused=True) is None
    assert ledger.assign(2, 0) == Assignment(0, alone=True)


def test_copies_that_are_refused_leave_the_task_to_others_once() -> None:
    ledger = TaskLedger([1], max_attempts=3)
    ledger.assign(0, 0)
    ledger.assign(1, 0)
    ledger.refused(1, 0)
    assert ledger.assign(2, 0) is None, "the copy still runs"
    ledger.refused(1, 1)
    assert ledger.assign(2, 0) == Assignment(1)
    assert ledger.lost(1, 2, "died") is None, "refusals are no losses"
    assert ledger.lost(1, 3, "late") is None
    assert ledger.assign(4, 0) == Assignment(1, alone=True)


def test_two_copies_that_raise_in_turns_end_all_the_same() -> None:
    ledger = TaskLedger([1], max_attempts=3)
    ledger.assign(0, 0)
    ledger.assign(1, 0)
    assert ledger.raised(1, 1, "disk full") is None
    assert ledger.assign(1, 0) is None, "a task that raised is not copied again"
    assert ledger.raised(1, 0, "disk full") == TaskFailed(1, 1, "disk full")


@given(seed=st.integers(0, 10_000), num_tasks=st.integers(0, 30), num_workers=st.integers(1, 5))
def test_every_task_ends_exactly_once_whatever_happens(seed: int, num_tasks: int, num_workers: int) -> None:
    chance = random.Random(seed)
    ledger = TaskLedger(range(num_tasks), max_attempts=3)
    running: dict[int, list[int]] = {worker: [] for worker in range(num_workers)}
    alone: set[int] = set()
    ended: list[int] = []
    for _ in range(10_000):
        if not ledger.is_open:
            break
        for worker, tasks in running.items():
            while worker not in alone and len(tasks) < 2 and (given_task := ledger.assign(worker, len(tasks))):
                assert not given_task.alone or not tasks
                tasks.append(given_task.task)
                if given_task.alone:
                    alone.add(worker)
        worker = chance.choice([worker for worker, tasks in running.items() if tasks])
        if chance.random() < 0.3:  # the worker dies, and another takes its place under its number
            failures = [ledger.lost(task, worker, "died") for task in running[worker]]
            ended += [failure.task for failure in failures if failure]
            running[worker] = []
        else:
            task = running[worker].pop(0)
            if chance.random() < 0.1:
                failure = ledger.raised(task, worker, "raised")
                ended += [failure.task] if failure else []
            elif chance.random() < 0.1:
                ledger.refused(task, worker)
            elif ledger.done(task):
                ended.append(task)
        alone.discard(worker)
    else:
        pytest.fail("the ledger never closed")
    assert sorted(ended) == list(range(num_tasks))
