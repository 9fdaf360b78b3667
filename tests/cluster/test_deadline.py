from cluster.deadline import Deadline
from cluster.devices import Devices
from cluster.worker import Worker, WorkerInfo


def test_deadline_is_ten_times_the_longest_task_and_what_may_be_lost_beside_work() -> None:
    deadline = Deadline(spare_s=300.0)
    assert deadline.seconds() == 2100
    deadline.learn(1.0)
    assert deadline.seconds() == 360
    deadline.learn(20.0)
    deadline.learn(5.0)
    assert deadline.seconds() == 500


def test_deadline_that_somebody_asked_for_stays() -> None:
    deadline = Deadline(7.0, spare_s=300.0)
    deadline.learn(20.0)
    assert deadline.seconds() == 7


def test_a_start_has_as_long_as_a_first_task_or_as_long_as_somebody_asked_for() -> None:
    assert Deadline(spare_s=300.0).start_seconds() == 1800
    assert Deadline(7.0).start_seconds() == 1800
    assert Deadline(7200.0).start_seconds() == 7200


def test_after_a_start_that_took_too_long_the_next_has_twice_as_long() -> None:
    deadline, starting = Deadline(), Worker[int, None](0, None, host="a")
    assert deadline.missed_by(starting, 1800.0) is None
    assert str(deadline.missed_by(starting, 1801.0)).startswith("not ready within 1800 s")
    assert str(deadline.missed_by(starting, 3601.0)).startswith("not ready within 3600 s")
    assert (deadline.start_seconds(), deadline.seconds()) == (7200, 1800)


def test_a_worker_hangs_that_has_a_task_for_longer_than_the_deadline_and_none_that_waits_for_one_or_for_room() -> None:
    deadline, ready = Deadline(7.0), WorkerInfo(0, Devices("a", "1", 1, 1, ()), None, 1)
    busy = Worker[int, None](0, None, host="a", info=ready, tasks=[3])
    assert deadline.missed_by(busy, 7.0) is None
    assert deadline.missed_by(busy, 8.0) == "no result within 7 s: the actor hung and was replaced"
    assert deadline.missed_by(Worker[int, None](0, None, host="a", info=ready), 8000.0) is None
    assert deadline.missed_by(Worker[int, None](0, None), 8000.0) is None
