import os
import re
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
from cluster.ledger import TaskFailed
from cluster.nodes import cluster_nodes, own_node_id
from cluster.placement import Placement
from cluster.pool import MAX_ATTEMPTS, TaskDone, WorkerPool
from cluster.waiting import warn_if_waiting
from cluster.work import MAX_TASKS_AT_ONCE, FunctionWork, R, function_recipe
from cluster.worker import Actor, WorkerInfo, unlike

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("two_nodes")]

_ONE_GPU = Placement(num_workers=3, gpus_per_worker=1, cpus_per_worker=1)
_CPU_ONLY = Placement(num_workers=2, gpus_per_worker=0, cpus_per_worker=1)


def _pool(
    build: Callable[[], Callable[[int], R]], placement: Placement, deadline_s: float | None = None
) -> WorkerPool[int, R, None]:
    """Workers that are given a second task while they do one, as those that score shards."""
    return WorkerPool(function_recipe(build, tasks_at_once=2), placement, deadline_s)


def _double() -> Callable[[int], int]:
    return lambda task: 2 * task


def _see_devices() -> Callable[[int], str]:
    return lambda task: os.environ["CUDA_VISIBLE_DEVICES"]


def _doubles_or_dies(log: Path, deadly: set[int], times: int) -> Callable[[int], int]:
    """Logs every attempt; kills its process on a deadly task until that was tried `times` times."""

    def work(task: int) -> int:
        with (log / str(task)).open("a") as file:
            file.write("x")
        if task in deadly and len((log / str(task)).read_text()) <= times:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
        return 2 * task

    return work


def _raises_on_three() -> Callable[[int], int]:
    def work(task: int) -> int:
        if task == 3:
            raise OSError("no space left")
        return task

    return work


def _cannot_start() -> Callable[[int], int]:
    raise FileNotFoundError("weights.h5 is gone")


def _dies_at_start() -> Callable[[int], int]:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def _run(pool: WorkerPool[int, int, Any], tasks: range) -> tuple[dict[int, int], dict[int, TaskFailed[int]]]:
    outcomes = list(pool.run(tasks))
    pool.stop()
    done = {outcome.task: outcome.result for outcome in outcomes if isinstance(outcome, TaskDone)}
    failed = {outcome.task: outcome for outcome in outcomes if isinstance(outcome, TaskFailed)}
    assert len(done) + len(failed) == len(outcomes), "a task ended twice"
    return done, failed


def test_every_task_is_done_once() -> None:
    done, failed = _run(_pool(_double, _ONE_GPU), range(50))
    assert done == {task: 2 * task for task in range(50)}
    assert not failed


def test_no_tasks_is_no_work() -> None:
    pool = _pool(_double, _CPU_ONLY)
    pool.first_ready()
    assert _run(pool, range(0)) == ({}, {})


def test_no_two_workers_see_the_same_gpu_of_a_node() -> None:
    pool = _pool(_see_devices, _ONE_GPU)
    while len(pool.ready_workers) < 3:
        list(pool.run(range(3)))
    pool.stop()
    seen = [(worker.devices.node_id, worker.devices.gpu_ids) for worker in pool.ready_workers]
    assert len(set(seen)) == 3
    assert sorted(gpu_ids for _, gpu_ids in seen) == [("0",), ("0",), ("1",)]
    assert len({node_id for node_id, _ in seen}) == 2


def test_workers_run_only_where_the_named_kind_of_gpu_is() -> None:
    pool = _pool(_see_devices, replace(_ONE_GPU, num_workers=1, accelerator_type="T4"))
    node_id = pool.first_ready().devices.node_id
    pool.stop()
    assert [node.node_id for node in cluster_nodes() if "T4" in node.accelerator_types] == [node_id]


def test_cpu_workers_see_no_gpu() -> None:
    pool = _pool(_see_devices, _CPU_ONLY)
    outcomes = [outcome.result for outcome in pool.run(range(4)) if isinstance(outcome, TaskDone)]
    pool.stop()
    assert outcomes == [""] * 4


def test_two_workers_share_a_gpu_only_by_fractions() -> None:
    pool = _pool(_see_devices, Placement(num_workers=4, gpus_per_worker=0.5, cpus_per_worker=0.5))
    while len(pool.ready_workers) < 4:
        list(pool.run(range(4)))
    pool.stop()
    per_gpu: dict[object, int] = {}
    for worker in pool.ready_workers:
        assert len(worker.devices.gpu_ids) == 1
        gpu = (worker.devices.node_id, worker.devices.gpu_ids)
        per_gpu[gpu] = per_gpu.get(gpu, 0) + 1
    assert set(per_gpu.values()) <= {1, 2}


_MEMORY = ("TF_FORCE_GPU_ALLOW_GROWTH", "XLA_PYTHON_CLIENT_MEM_FRACTION")


def _see_memory_settings() -> Callable[[int], list[str | None]]:
    return lambda task: [os.environ.get(name) for name in _MEMORY]


@pytest.mark.parametrize(("share", "expected"), [(0.5, ["true", "0.4500"]), (1, [None, None])])
def test_only_a_shared_gpu_has_its_memory_bounded(share: float, expected: list[str | None]) -> None:
    pool = _pool(_see_memory_settings, Placement(num_workers=1, gpus_per_worker=share, cpus_per_worker=1))
    settings = [outcome.result for outcome in pool.run([0]) if isinstance(outcome, TaskDone)]
    pool.stop()
    assert settings == [expected]


def test_jax_takes_its_share_of_a_gpu_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    client = pytest.importorskip("jaxlib.xla_client", reason="needs jax")
    monkeypatch.setenv("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.4500")
    assert client.generate_pjrt_gpu_plugin_options()["memory_fraction"] == 0.45


def test_a_dead_workers_task_is_done_by_another(tmp_path: Path) -> None:
    done, failed = _run(_pool(partial(_doubles_or_dies, tmp_path, {5}, 1), _CPU_ONLY), range(20))
    assert done == {task: 2 * task for task in range(20)}
    assert not failed


@pytest.mark.ci
def test_tasks_that_kill_every_worker_are_given_up_and_take_no_innocent_with_them(tmp_path: Path) -> None:
    deadly = {1, 2, 7}
    done, failed = _run(_pool(partial(_doubles_or_dies, tmp_path, deadly, 99), _CPU_ONLY), range(12))
    assert set(failed) == deadly
    assert set(done) == set(range(12)) - deadly
    assert {task.attempts for task in failed.values()} == {MAX_ATTEMPTS}
    assert all(len((tmp_path / str(task)).read_text()) <= MAX_ATTEMPTS for task in deadly)
    assert all("died" in task.reason for task in failed.values())
    assert all("End of file. It may have run out of memory: fewer" in task.reason for task in failed.values())


class _Overlapping:
    """Returns how many of its calls ran at the same time."""

    description = None

    def __init__(self, tasks_at_once: int) -> None:
        self.tasks_at_once = tasks_at_once
        self._running: list[int] = []

    def __call__(self, task: int, /, refusals: Collection[str] | None = None) -> int:
        self._running.append(task)
        time.sleep(0.1)
        together = len(self._running)
        self._running.remove(task)
        return together

    again = __call__


@pytest.mark.parametrize("tasks_at_once", [1, 2, 3])
def test_a_worker_has_as_many_tasks_at_once_as_its_work_says(tasks_at_once: int) -> None:
    one = replace(_CPU_ONLY, num_workers=1)
    done, _ = _run(WorkerPool(partial(_Overlapping, tasks_at_once), one), range(8))
    assert max(done.values()) == tasks_at_once


def test_more_tasks_at_once_than_an_actor_has_threads_are_refused() -> None:
    with (
        pytest.raises(WorkerStartError, match=r"Expected 1 to 3 tasks at once; received 4\."),
        WorkerPool(partial(_Overlapping, MAX_TASKS_AT_ONCE + 1), _CPU_ONLY) as pool,
    ):
        pool.first_ready()


class _DiesFirst(FunctionWork[int, str]):
    def __init__(self) -> None:
        super().__init__(self._die_of_three)

    def _die_of_three(self, task: int) -> str:
        if task == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return "first"

    def again(self, task: int, /, refusals: Collection[str] | None = None) -> str:
        return "again"


def test_a_task_that_was_lost_is_done_as_the_work_does_it_again() -> None:
    with WorkerPool(_DiesFirst, _CPU_ONLY) as pool:
        done = {outcome.task: outcome.result for outcome in pool.run(range(6)) if isinstance(outcome, TaskDone)}
    assert done == {task: "again" if task == 3 else "first" for task in range(6)}


@dataclass(frozen=True)
class _Square:
    number: int


def _square() -> Callable[[_Square], int]:
    return lambda task: task.number**2


def test_a_task_is_what_it_says_not_only_a_number() -> None:
    with WorkerPool(function_recipe(_square), _CPU_ONLY) as pool:
        outcomes = list(pool.run([_Square(3), _Square(4)]))
    assert {outcome.task: outcome.result for outcome in outcomes if isinstance(outcome, TaskDone)} == {
        _Square(3): 9,
        _Square(4): 16,
    }


def test_a_task_that_raises_is_named_with_its_reason_and_not_repeated() -> None:
    done, failed = _run(_pool(_raises_on_three, _CPU_ONLY), range(6))
    assert sorted(done) == [0, 1, 2, 4, 5]
    assert (failed[3].attempts, failed[3].reason, type(failed[3].error)) == (1, "no space left", OSError)


class _LacksOnOneNode:
    """On the other node than the first that builds, or on both, tasks are refused."""

    description = None
    tasks_at_once = 2

    def __init__(self, folder: Path, everywhere: bool) -> None:
        with suppress(FileExistsError), (folder / "good").open("x") as file:
            file.write(own_node_id())
        self._folder, self._lacks = folder, everywhere or (folder / "good").read_text() != own_node_id()

    def __call__(self, task: int, /, refusals: Collection[str] | None = None) -> int:
        if not self._lacks:
            time.sleep(0.1)
            return task
        with (self._folder / str(task)).open("a") as file:
            file.write(own_node_id()[0] if refusals is not None else "!")
        if refusals is not None or task == 3:
            raise FileNotFoundError("no photos here")
        return ~task

    again = __call__


_ONE_EACH = Placement(num_workers=2, gpus_per_worker=0, cpus_per_worker=2)


def _refusing(folder: Path, everywhere: bool) -> WorkerPool[int, int, None]:
    recipe = partial(_LacksOnOneNode, folder, everywhere)
    pool = WorkerPool(
        recipe, _ONE_EACH, of_a_node=(OSError,), shortfall=lambda result: "no photos here" if result < 0 else None
    )
    give_up_at = time.monotonic() + 60
    while len(pool.ready_workers) < 2 and time.monotonic() < give_up_at:
        list(pool._settle())
    return pool


@pytest.mark.ci
def test_what_one_node_cannot_do_is_done_on_another_and_it_takes_no_more(tmp_path: Path) -> None:
    done, failed = _run(_refusing(tmp_path, everywhere=False), range(40))
    assert (done, failed) == ({task: task for task in range(40)}, {})
    assert len(list(tmp_path.iterdir())) <= 1 + 2 * 2, "those it had at once, perhaps again after its rest"


@pytest.mark.ci
def test_what_no_node_can_do_is_asked_of_each_and_then_done_as_well_as_can_be_or_fails(tmp_path: Path) -> None:
    done, failed = _run(_refusing(tmp_path, everywhere=True), range(6))
    assert done == {task: ~task for task in range(6) if task != 3}
    assert set(failed) == {3}
    assert 2 <= failed[3].attempts <= 3
    assert re.fullmatch(r"on \S+: no photos here", failed[3].reason)
    asked = [(tmp_path / str(task)).read_text() for task in range(6)]
    assert all(re.fullmatch("[^!]{1,2}!{1,2}", each) for each in asked), "the last ones may run twice"


def _starts_with_a_mark(file: Path) -> Callable[[int], int]:
    file.touch()
    return _double()


def test_workers_are_built_while_nobody_waits_for_them_yet(tmp_path: Path) -> None:
    with _pool(partial(_starts_with_a_mark, tmp_path / "built"), replace(_CPU_ONLY, num_workers=1)) as pool:
        give_up_at = time.monotonic() + 60
        while not (tmp_path / "built").exists() and time.monotonic() < give_up_at:
            time.sleep(0.1)
        assert (tmp_path / "built").exists()
        pool.first_ready()


def test_a_worker_that_cannot_start_stops_the_job_with_the_real_cause() -> None:
    with (
        pytest.raises(WorkerStartError, match=r"An actor could not start: weights\.h5 is gone") as stopped,
        _pool(_cannot_start, _CPU_ONLY) as pool,
    ):
        pool.first_ready()
    assert isinstance(stopped.value.__cause__, FileNotFoundError)


def test_a_fault_that_says_all_there_is_to_say_is_raised_itself() -> None:
    recipe = function_recipe(_cannot_start)
    with (
        pytest.raises(FileNotFoundError, match=r"^weights\.h5 is gone$"),
        WorkerPool(recipe, _CPU_ONLY, faults=(LookupError, OSError)) as pool,
    ):
        list(pool.run([1]))


@pytest.mark.ci
def test_workers_that_die_at_start_are_not_started_for_ever() -> None:
    pool = _pool(_dies_at_start, _CPU_ONLY)
    with pytest.raises(WorkerStartError, match="3 actors in a row died while starting"):
        pool.first_ready()
    pool.stop()


def test_nodes_with_another_shardscore_that_lacks_what_is_sent_are_told_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    newer = type("Newer", (Actor,), {"__module__": "cluster.worker"})  # Ray sends its name, which the worker lacks
    monkeypatch.setattr("cluster.worker.Newer", newer, raising=False)
    monkeypatch.setattr("cluster.pool.Actor", newer)
    pool = _pool(_raises_on_three, _CPU_ONLY)
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
    pool = _pool(partial(_dies_at_start_without, tmp_path / "alive"), replace(_CPU_ONLY, elastic=True))
    while len(pool.ready_workers) < 2:
        list(pool.run([0]))
    ended = 0
    for outcome in pool.run(range(10_000)):  # until enough starts have failed, however slow the machine
        assert isinstance(outcome, TaskDone)
        ended += 1
        if len(pool.start_failures) >= 3:
            break
    assert ended
    done, failed = _run(pool, range(20))  # some seconds: more could fail now, but no more are started
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
    pool = _pool(partial(_dies_on_order, tmp_path), _CPU_ONLY)
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
    pool = _pool(_double, replace(_CPU_ONLY, num_workers=1))
    assert _run(pool, range(3)) == ({0: 0, 1: 2, 2: 4}, {})
    assert pool.start_failures == ["it could not be reached for a time while it started"]


@pytest.mark.ci
def test_actors_that_cannot_be_reached_are_not_started_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.worker._SILENT_S", 0.0)
    _break_connections(monkeypatch, times=10)
    pool = _pool(_double, replace(_CPU_ONLY, num_workers=1))
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


def test_workers_that_describe_themselves_differently_do_not_mix() -> None:
    pool = WorkerPool(_KnowsItsNode, _ONE_GPU)
    with pytest.raises(WorkerStartError, match="Expected all actors alike"):
        list(pool.run(range(10_000)))
    pool.stop()


def _hangs_once(folder: Path) -> Callable[[int], int]:
    def work(task: int) -> int:
        if task == 2:
            try:
                (folder / "hang").unlink()
            except FileNotFoundError:
                return task
            time.sleep(3600)
        return task

    return work


def test_a_worker_that_hangs_is_replaced_and_its_task_done_by_another(tmp_path: Path) -> None:
    (tmp_path / "hang").touch()
    pool = _pool(partial(_hangs_once, tmp_path), replace(_CPU_ONLY, num_workers=1), deadline_s=1.0)
    done, failed = _run(pool, range(6))
    assert sorted(done) == list(range(6))
    assert not failed
    assert pool.num_lost_workers == 1


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
    pool = _pool(partial(_never_starts, tmp_path / "starts"), replace(_CPU_ONLY, num_workers=1))
    with (
        pytest.warns(WaitingWarning, match=r"^Waiting for the first actor: on .* after \d s is replaced\.$") as told,
        pytest.raises(WorkerStartError, match=r"3 actors in a row died .* within 4 s: .* more with `shard_deadline`"),
    ):
        pool.first_ready()
    pool.stop()
    assert len(told) == 1
    assert (tmp_path / "starts").read_text() == "xxx"


def test_a_start_is_timed_while_nobody_looks_at_the_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As while images are listed for an hour: it is not begun to be timed when somebody looks."""
    monkeypatch.setattr("cluster.deadline._FIRST_S", 3600.0)
    pool = _pool(partial(_never_starts, tmp_path / "starts"), replace(_CPU_ONLY, num_workers=1))
    while not (tmp_path / "starts").exists():
        time.sleep(0.1)
    time.sleep(1.0)
    began_to_look = time.monotonic()
    [worker] = pool._workers.values()
    while not worker.is_starting or worker.busy_since > began_to_look - 1.0:
        assert time.monotonic() < began_to_look + 30
        list(pool._settle())
    pool.stop()


def _starts_slowly() -> Callable[[int], int]:
    time.sleep(3.0)
    return _double()


@pytest.mark.ci
@pytest.mark.parametrize("num_workers", [1, 3])
def test_a_start_that_takes_longer_than_was_allowed_at_first_succeeds(
    num_workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.deadline._FIRST_S", 1.7)
    done, failed = _run(_pool(_starts_slowly, replace(_CPU_ONLY, num_workers=num_workers)), range(3))
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
    pool = _pool(partial(_never_starts_again, tmp_path), replace(_CPU_ONLY, num_workers=1))
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
    pool = _pool(_double, replace(_CPU_ONLY, num_workers=1))
    for _ in range(3):
        list(pool._settle())
    for each in holders:
        ray.kill(each)
    monkeypatch.undo()
    done, _ = _run(pool, range(3))
    assert sorted(done) == [0, 1, 2]
    assert pool.num_lost_workers == 0


def test_the_tail_is_copied_to_idle_workers_and_the_first_to_end_counts(tmp_path: Path) -> None:
    """One worker sleeps on the last task; the other, idle, does it meanwhile. No deadline would end it in time."""
    (tmp_path / "hang").touch()
    pool = _pool(partial(_hangs_once, tmp_path), _CPU_ONLY)
    while len(pool.ready_workers) < 2:
        list(pool.run([0, 1]))
    done, _ = _run(pool, range(3))
    assert sorted(done) == [0, 1, 2]
    assert pool.num_lost_workers == 0
    assert pool.num_repeats >= 1


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
    pool = _pool(partial(_starts_only_with, weights), _CPU_ONLY)
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
    with _pool(partial(_starts_on_one_node, tmp_path, "raises"), one_each) as pool:
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
    with _pool(partial(_starts_on_one_node, tmp_path, "raises later"), one_each) as pool:
        pool._first_nodes.clear()  # both have joined later
        pool.first_ready()
        while len(pool.start_failures) < 3:
            list(pool.run([0]))
            list(pool._look_around())
        done, failed = _run(pool, range(5))
    assert (sorted(done), failed) == ([0, 1, 2, 3, 4], {})


@pytest.mark.ci
def test_workers_that_die_at_start_on_one_node_do_not_end_the_job_while_others_start_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "good").write_text(own_node_id())
    pool = _pool(partial(_starts_on_one_node, tmp_path, "dies"), replace(_CPU_ONLY, num_workers=4))
    while len(pool.start_failures) < 3:
        list(pool._settle())
    (tmp_path / "go on").touch()
    done, failed = _run(pool, range(5))
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


def test_a_replacement_of_another_kind_is_not_used_and_said_to_differ_by_what(tmp_path: Path) -> None:
    pool = WorkerPool(partial(_OfTwoKinds, tmp_path / "second"), replace(_CPU_ONLY, num_workers=1))
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
        done, _ = _run(_pool(_double, replace(_CPU_ONLY, num_workers=1, cpus_per_worker=2)), range(3))
    assert sorted(done) == [0, 1, 2]


def test_a_job_one_of_whose_workers_has_its_room_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    placement = Placement(num_workers=2, gpus_per_worker=0, cpus_per_worker=1)
    monkeypatch.setattr("cluster.waiting.num_waiting", lambda bundle: 1)
    assert not warn_if_waiting(placement, 2)
    with pytest.warns(WaitingWarning):
        assert warn_if_waiting(placement, 1)


def test_workers_wait_for_nodes_only_as_long_as_they_are_told_to() -> None:
    pool = _pool(_double, Placement(num_workers=1, gpus_per_worker=8, cpus_per_worker=1, patience_s=2))
    with pytest.raises(WorkersLostError, match="No node with 8 GPUs and 1 CPUs for an actor came within 2 s"):
        pool.first_ready()
    pool.stop()


class _Scores:
    def run(self) -> list[int]:
        """What a notebook's actor, or a trial of Ray Tune, does."""
        with _pool(_double, Placement(1, 0, 1)) as pool:
            return sorted(_run(pool, range(3))[0].values())


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
