import time

import pytest

from scoring.run.milestones import Milestones, phases


def test_phases_add_up_to_the_whole_process() -> None:
    milestones = Milestones(101.0, 104.0, 109.0, 112.0, 113.0, 113.5)
    found = phases(milestones, started_at=100.0, ended_at=115.0)
    assert found == {
        "Python": 1.0, "Ray": 3.0, "model": 5.0, "first batch": 3.0, "other batches": 1.0, "summary": 0.5, "exit": 1.5
    }  # fmt: skip
    assert sum(found.values()) == 15.0


def test_what_an_actor_says_of_its_start_divides_the_seconds_until_its_model_is_loaded() -> None:
    milestones = Milestones(101.0, 104.0, 109.0, summary_at=110.0, process_at=105.0, imported_at=108.0)
    found = phases(milestones, started_at=100.0, ended_at=111.0)
    assert found == {
        "Python": 1.0, "Ray": 3.0, "actor": 1.0, "libraries": 3.0, "model": 1.0, "summary": 1.0, "exit": 1.0
    }  # fmt: skip


def test_a_job_that_had_nothing_to_score_has_no_phases_of_batches() -> None:
    found = phases(Milestones(101.0, 104.0, 109.0, summary_at=110.0), started_at=100.0, ended_at=111.0)
    assert found == {"Python": 1.0, "Ray": 3.0, "model": 5.0, "summary": 1.0, "exit": 1.0}


def test_a_clock_that_is_set_back_leaves_a_job_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    milestones = Milestones(time.time())
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 0 <= milestones.since_command_s() < 60
    assert 0 <= milestones.now() - milestones.command_at < 60


def test_a_phase_that_seems_to_end_before_it_began_took_no_time_and_all_add_up() -> None:
    milestones = Milestones(101.0, 104.0, 109.0, 7200.0, 7201.0, 110.0, process_at=103.0, imported_at=108.0)
    found = phases(milestones, started_at=100.0, ended_at=111.0)
    assert found == {
        "Python": 1.0, "Ray": 3.0, "actor": 0.0, "libraries": 4.0, "model": 1.0, "first batch": 2.0,
        "other batches": 0.0, "summary": 0.0, "exit": 0.0,
    }  # fmt: skip
