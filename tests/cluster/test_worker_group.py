import os
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.exceptions import ActorUnavailableError
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from cluster import waiting
from cluster.devices import Devices
from cluster.errors import WaitingWarning, WorkersLostError, WorkerStartError
from cluster.nodes import own_node_id
from cluster.outcomes import TaskDone
from cluster.placement import Placement
from cluster.pool import WorkerPool
from cluster.waiting import warn_if_waiting
from cluster.work import function_recipe
from cluster.worker import Actor, WorkerInfo, unlike
from tests.pools import CPU_ONLY, ONE_GPU, double, pool_of, run_all

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("two_nodes")]


def _starts_with_a_mark(file: Path) -> Callable[[int], int]:
    file.touch()
    return double()


def test_workers_are_built_while_nobody_waits_for_them_yet(tmp_path: Path) -> None:
    with pool_of(partial(_starts_with_a_mark, tmp_path / "built"), replace(CPU_ONLY, num_workers=1)) as pool:
        give_up_at = time.monotonic() + 60
        while not (tmp_path / "built").exists() and time.monotonic() < give_up_at:
            time.sleep(0.1)
        assert (tmp_path / "built").exists()
        pool.first_ready()


def _cannot_start() -> Callable[[int], int]:
    raise FileNotFoundError("weights.h5 is gone")


def _dies_at_start() -> Callable[[int], int]:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_a_worker_that_cannot_start_stops_the_job_with_the_real_cause() -> None:
    with (
        pytest.raises(WorkerStartError, match=r"An actor could not start: weights\.h5 is gone") as stopped,
        pool_of(_cannot_start, CPU_ONLY) as pool,
    ):
        pool.first_ready()
    assert isinstance(stopped.value.__cause__, FileNotFoundError)


def test_a_fault_that_says_all_there_is_to_say_is_raised_itself() -> None:
    recipe = function_recipe(_cannot_start)
    with (
        pytest.raises(FileNotFoundError, match=r"^weights\.h5 is gone$"),
        WorkerPool(recipe, CPU_ONLY, faults=(LookupError, OSError)) as pool,
    ):
        list(pool.run([1]))


@pytest.mark.ci
def test_workers_that_die_at_start_are_not_started_for_ever() -> None:
    pool = pool_of(_dies_at_start, CPU_ONLY)
    with pytest.raises(WorkerStartError, match="3 actors in a row died while starting"):
        pool.first_ready()
    pool.stop()


def test_nodes_with_another_shardscore_that_lacks_what_is_sent_are_told_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    newer = type("Newer", (Actor,), {"__module__": "cluster.worker"})  # Ray sends its name, which the worker lacks
    monkeypatch.setattr("cluster.worker.Newer", newer, raising=False)
    monkeypatch.setattr("cluster.worker_group.Actor", newer)
    pool = pool_of(double, CPU_ONLY)
    with pytest.raises(WorkerStartError, match="all nodes need the same shardscore and Ray as the command"):
        pool.first_ready()
    pool.stop()


def _dies_at_start_without(file: Path) -> Callable[[int], int]:
    if not file.exists():
        os.kill(os.getpid(), signal.SIGKILL)

    def work(task: int) -> int:
        if task == 3 and file.exists():
            file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.3)
        return task

    return work


@pytest.mark.ci
def test_replacements_that_die_at_start_leave_the_work_to_the_others_and_are_not_started_for_ever(
    tmp_path: Path,
) -> None:
    (tmp_path / "alive").touch()
    pool = pool_of(partial(_dies_at_start_without, tmp_path / "alive"), replace(CPU_ONLY, elastic=True))
    while len(pool.ready_workers) < 2:
        list(pool.run([0]))
    ended = 0
    for outcome in pool.run(range(10_000)):  # until enough starts have failed, however slow the machine
        assert isinstance(outcome, TaskDone)
        ended += 1
        if len(pool.start_failures) >= 3:
            break
    assert ended
    done, failed = run_all(pool, range(20))  # some seconds: more could fail now, but no more are started
    assert sorted(done) == list(range(20))
    assert not failed
    assert 3 <= len(pool.start_failures) < 8


def _dies_on_order(orders: Path) -> Callable[[int], int]:
    if (orders / "starts").exists():
        os.kill(os.getpid(), signal.SIGKILL)

    def work(task: int) -> int:
        first = task == 3 and not (orders / "starts").exists()
        if first:
            (orders / "starts").touch()
        if first or (orders / "all").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.1)
        return task

    return work


@pytest.mark.ci
def test_the_job_ends_when_starts_have_failed_and_then_the_last_worker_dies(tmp_path: Path) -> None:
    pool = pool_of(partial(_dies_on_order, tmp_path), CPU_ONLY)
    while len(pool.ready_workers) < 2:
        list(pool.run([0]))
    with pytest.raises(WorkersLostError, match="No actor is left"):
        for _ in pool.run(range(10_000)):
            if len(pool.start_failures) == 3:
                (tmp_path / "all").touch()
    pool.stop()


def _break_connections(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let so many answers be lost, as where the network fails: such an actor lives on."""
    real, left = ray.get, iter(range(times))

    def get(reference: Any) -> Any:
        if next(left, None) is not None:
            raise ActorUnavailableError("Socket closed", None)
        return real(reference)

    monkeypatch.setattr(ray, "get", get)


def test_an_actor_whose_connection_broke_while_it_started_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    _break_connections(monkeypatch, times=2)
    pool = pool_of(double, replace(CPU_ONLY, num_workers=1))
    assert run_all(pool, range(3)) == ({0: 0, 1: 2, 2: 4}, {})
    assert pool.start_failures == ["it could not be reached for a time while it started"]


@pytest.mark.ci
def test_actors_that_cannot_be_reached_are_not_started_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.worker._SILENT_S", 0.0)
    _break_connections(monkeypatch, times=10)
    pool = pool_of(double, replace(CPU_ONLY, num_workers=1))
    with pytest.raises(WorkerStartError, match=r"3 actors in a row died while starting: .* Socket closed"):
        pool.first_ready()
    pool.stop()


class _KnowsItsNode:
    tasks_at_once = 1

    def __init__(self) -> None:
        self.description = own_node_id()

    def __call__(self, task: int, /, refusals: Collection[str] | None = None) -> int:
        return task

    again = __call__


@pytest.mark.ci
def test_workers_that_describe_themselves_differently_do_not_mix() -> None:
    pool = WorkerPool(_KnowsItsNode, ONE_GPU)
    with pytest.raises(WorkerStartError, match="Expected all actors alike"):
        list(pool.run(range(10_000)))
    pool.stop()


def _never_starts(log: Path) -> Callable[[int], int]:
    with log.open("a") as file:
        file.write("x")
    time.sleep(3600)
    raise AssertionError


@pytest.mark.ci
def test_workers_that_hang_at_start_are_said_to_start_and_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.deadline._FIRST_S", 1.0)
    monkeypatch.setattr("cluster.waiting._LONG_START_S", 0.5)
    pool = pool_of(partial(_never_starts, tmp_path / "starts"), replace(CPU_ONLY, num_workers=1))
    with (
        pytest.warns(WaitingWarning, match=r"^Waiting for the first actor: on .* after \d s is replaced\.$") as told,
        pytest.raises(WorkerStartError, match=r"3 actors in a row died .* within 4 s: .* more with `shard_deadline`"),
    ):
        pool.first_ready()
    pool.stop()
    assert len(told) == 1


@pytest.mark.ci
def test_a_start_is_timed_while_nobody_looks_at_the_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As while images are listed for an hour: it is not begun to be timed when somebody looks."""
    monkeypatch.setattr("cluster.deadline._FIRST_S", 3600.0)
    pool = pool_of(partial(_never_starts, tmp_path / "starts"), replace(CPU_ONLY, num_workers=1))
    while not (tmp_path / "starts").exists():
        time.sleep(0.1)
    time.sleep(1.0)
    began_to_look = time.monotonic()
    [worker] = pool._group.living
    while not worker.is_starting or worker.busy_since > began_to_look - 1.0:
        assert time.monotonic() < began_to_look + 30
        list(pool._settle())
    pool.stop()


def _starts_slowly(seconds: float) -> Callable[[int], int]:
    time.sleep(seconds)
    return double()


@pytest.mark.ci
@pytest.mark.parametrize("num_workers", [1, 3])
def test_a_start_that_takes_longer_than_was_allowed_at_first_succeeds(
    num_workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    placement, began = replace(CPU_ONLY, num_workers=num_workers), time.monotonic()
    with pool_of(double, placement) as quick:
        while len(quick.ready_workers) < num_workers:
            list(quick._settle())
    allowed_s = 2.0 + time.monotonic() - began  # twice as much is enough for what takes so long on this machine as well
    monkeypatch.setattr("cluster.deadline._FIRST_S", allowed_s)
    done, failed = run_all(pool_of(partial(_starts_slowly, allowed_s), placement), range(3))
    assert (sorted(done), failed) == ([0, 1, 2], {})


def _never_starts_again(folder: Path) -> Callable[[int], int]:
    if (folder / "dead").exists():
        _never_starts(folder / "starts")

    def work(task: int) -> int:
        if task == 3 and not (folder / "dead").exists():
            (folder / "dead").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    return work


@pytest.mark.ci
def test_a_replacement_that_hangs_at_start_ends_the_job_where_no_other_worker_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = pool_of(partial(_never_starts_again, tmp_path), replace(CPU_ONLY, num_workers=1))
    pool.first_ready()
    monkeypatch.setattr("cluster.deadline._FIRST_S", 1.0)
    with pytest.raises(WorkerStartError, match="3 actors in a row died while starting: not ready within 4 s"):
        list(pool.run(range(6)))
    pool.stop()


@pytest.mark.ci
def test_a_worker_that_waits_for_room_does_not_hang_at_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    holders: list[Any] = [ray.remote(num_cpus=1)(_Holder).remote() for _ in range(4)]
    ray.get([each.ready.remote() for each in holders])
    monkeypatch.setattr("cluster.deadline._FIRST_S", 0.0)
    pool = pool_of(double, replace(CPU_ONLY, num_workers=1))
    for _ in range(3):
        list(pool._settle())
    for each in holders:
        ray.kill(each)
    monkeypatch.undo()
    done, _ = run_all(pool, range(3))
    assert sorted(done) == [0, 1, 2]
    assert pool.num_lost_workers == 0


def _starts_only_with(file: Path) -> Callable[[int], int]:
    file.read_text()

    def work(task: int) -> int:
        if task == 3 and file.exists():
            file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.3)  # long enough for the replacement to try
        return task

    return work


def test_a_replacement_that_cannot_start_leaves_the_work_to_the_others(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    weights.touch()
    pool = pool_of(partial(_starts_only_with, weights), CPU_ONLY)
    while len(pool.ready_workers) < 2:
        list(pool.run([0]))
    for outcome in pool.run(range(10_000)):
        assert isinstance(outcome, TaskDone)
        if pool.start_failures:
            break
    pool.stop()
    assert not weights.exists()
    assert "No such file" in pool.start_failures[0]


def _starts_on_one_node(folder: Path, how: str) -> Callable[[int], int]:
    """On one node, the first that builds or that is named before, it is built; on others it fails as told."""
    here = folder / "good"
    if how == "raises later":  # when one is ready
        while not (folder / "ready").exists():
            time.sleep(0.05) if not here.exists() or here.read_text() != own_node_id() else (folder / "ready").touch()
    with suppress(FileExistsError), here.open("x") as file:
        file.write(own_node_id())
    if here.read_text() != own_node_id():
        if how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        while how == "raises" and not (folder / "go on").exists():
            time.sleep(0.1)
        raise OSError("no weights here")
    while how == "dies" and not (folder / "go on").exists():
        time.sleep(0.1)

    def work(task: int) -> int:
        if task == -1 and not (folder / "died").exists():
            (folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    return work


@pytest.mark.ci
def test_a_node_that_cannot_start_workers_keeps_no_other_from_starting_them_again(tmp_path: Path) -> None:
    one_each = Placement(num_workers=1, gpus_per_worker=0, cpus_per_worker=2, elastic=True)
    with pool_of(partial(_starts_on_one_node, tmp_path, "raises"), one_each) as pool:
        pool._group._first_nodes.clear()  # of two that start at once, the first to be ready says which node is good
        pool.first_ready()
        (tmp_path / "go on").touch()
        while len(pool.start_failures) < 3:
            list(pool.run([0]))
            list(pool._look_around())
        outcomes = list(pool.run([-1, 1, 2]))
    assert sorted(outcome.task for outcome in outcomes if isinstance(outcome, TaskDone)) == [-1, 1, 2]
    assert pool.start_failures == ["no weights here"] * 3, "the node is left alone"
    assert (pool.num_lost_workers, len(pool.ready_workers)) == (1, 2)


@pytest.mark.ci
def test_a_node_that_joins_late_and_cannot_start_workers_does_not_end_the_job(tmp_path: Path) -> None:
    (tmp_path / "good").write_text(own_node_id())
    one_each = Placement(num_workers=2, gpus_per_worker=0, cpus_per_worker=2)
    with pool_of(partial(_starts_on_one_node, tmp_path, "raises later"), one_each) as pool:
        pool._group._first_nodes.clear()  # both have joined later
        pool.first_ready()
        while len(pool.start_failures) < 3:
            list(pool.run([0]))
            list(pool._look_around())
        done, failed = run_all(pool, range(5))
    assert (sorted(done), failed) == ([0, 1, 2, 3, 4], {})


@pytest.mark.ci
def test_workers_that_die_at_start_on_one_node_do_not_end_the_job_while_others_start_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "good").write_text(own_node_id())
    pool = pool_of(partial(_starts_on_one_node, tmp_path, "dies"), replace(CPU_ONLY, num_workers=4))
    while len(pool.start_failures) < 3:
        list(pool._settle())
    (tmp_path / "go on").touch()
    done, failed = run_all(pool, range(5))
    assert (sorted(done), failed) == ([0, 1, 2, 3, 4], {})


@dataclass(frozen=True)
class _Kind:
    precision: str
    labels: tuple[str, ...] = ("cat", "dog")
    reason: str = field(default="", compare=False)


class _OfTwoKinds:
    """The first that is built is of one kind, all later ones of another; task 3 kills the first."""

    tasks_at_once = 2

    def __init__(self, file: Path) -> None:
        self.description = _Kind("float16" if file.exists() else "bfloat16", reason=str(os.getpid()))
        file.touch()

    def __call__(self, task: int, /, refusals: Collection[str] | None = None) -> int:
        if task == 3 and self.description.precision == "bfloat16":
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    again = __call__


@pytest.mark.ci
def test_a_replacement_of_another_kind_is_not_used_and_said_to_differ_by_what(tmp_path: Path) -> None:
    pool = WorkerPool(partial(_OfTwoKinds, tmp_path / "second"), replace(CPU_ONLY, num_workers=1))
    with pytest.raises(WorkersLostError, match=r"actor 0 on \S+: precision float16, not bfloat16\. .* choose one\."):
        list(pool.run(range(6)))
    pool.stop()
    assert len(pool.ready_workers) == 1


def test_workers_of_two_devices_are_said_to_differ_with_what_to_choose() -> None:
    on_a_gpu = Devices("a", "1", 1, 1, ("0",))
    first = WorkerInfo(0, on_a_gpu, _Kind("float16", reason="7.5"), 1)
    other = WorkerInfo(1, replace(on_a_gpu, host="b"), _Kind("bfloat16", reason="8.0"), 1)
    assert unlike(other, first) == (
        "Expected all actors alike; actor 1 on b differs from actor 0 on a: precision bfloat16, not float16. "
        "Choose one kind of device with `accelerator_type`."
    )


class _Holder:
    def ready(self) -> bool:
        return True


@pytest.mark.ci
def test_a_job_that_waits_for_cores_of_others_says_so_and_begins_when_they_are_given_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    holders: list[Any] = [ray.remote(num_cpus=1)(_Holder).remote() for _ in range(3)]
    ray.get([each.ready.remote() for each in holders])

    def warn(placement: Placement, num_workers: int) -> bool:
        if has_warned := warn_if_waiting(placement, num_workers):
            for each in holders:
                ray.kill(each)
        return has_warned

    monkeypatch.setattr(waiting, "_SILENT_S", 0.5)
    monkeypatch.setattr(waiting, "warn_if_waiting", warn)
    held = r"needs 0 GPUs and 2 CPUs, and [0-3] of 3 GPUs and [34] of 4 CPUs are held\..* lower `cpus_per_actor`\."
    with pytest.warns(WaitingWarning, match=held):
        done, _ = run_all(pool_of(double, replace(CPU_ONLY, num_workers=1, cpus_per_worker=2)), range(3))
    assert sorted(done) == [0, 1, 2]


def test_a_job_one_of_whose_workers_has_its_room_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    placement = Placement(num_workers=2, gpus_per_worker=0, cpus_per_worker=1)
    monkeypatch.setattr("cluster.waiting.num_waiting", lambda bundle: 1)
    assert not warn_if_waiting(placement, 2)
    with pytest.warns(WaitingWarning):
        assert warn_if_waiting(placement, 1)


@pytest.mark.ci
def test_workers_wait_for_nodes_only_as_long_as_they_are_told_to() -> None:
    pool = pool_of(double, Placement(num_workers=1, gpus_per_worker=8, cpus_per_worker=1, patience_s=2))
    with pytest.raises(WorkersLostError, match="No node with 8 GPUs and 1 CPUs for an actor came within 2 s"):
        pool.first_ready()
    pool.stop()


class _Scores:
    def run(self) -> list[int]:
        """What a notebook's actor, or a trial of Ray Tune, does."""
        with pool_of(double, Placement(1, 0, 1)) as pool:
            return sorted(run_all(pool, range(3))[0].values())


@pytest.mark.parametrize("captures", [True, False])
def test_workers_are_placed_outside_of_the_placement_group_of_whoever_starts_them(captures: bool) -> None:
    group = placement_group([{"CPU": 1}])
    ray.get(group.ready(), timeout=60)
    where = PlacementGroupSchedulingStrategy(group, placement_group_capture_child_tasks=captures)
    trial: Any = ray.remote(num_cpus=1)(_Scores).options(scheduling_strategy=where).remote()
    try:
        assert ray.get(trial.run.remote(), timeout=60) == [0, 2, 4]
    finally:
        remove_placement_group(group)
