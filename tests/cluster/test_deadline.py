from cluster.deadline import Deadline


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
    deadline = Deadline()
    deadline.start_ended()
    deadline.start_ended()
    assert (deadline.start_seconds(), deadline.seconds()) == (7200, 1800)
