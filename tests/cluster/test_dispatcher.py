import os
import re
import signal
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from cluster.dispatcher import MAX_ATTEMPTS
from cluster.nodes import own_node_id
from cluster.outcomes import TaskDone
from cluster.placement import Placement
from cluster.pool import WorkerPool
from cluster.work import FunctionWork
from tests.pools import CPU_ONLY, pool_of, run_all

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("two_nodes")]

_ONE_EACH = Placement(num_workers=2, gpus_per_worker=0, cpus_per_worker=2)


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


def test_a_dead_workers_task_is_done_by_another(tmp_path: Path) -> None:
    pool = pool_of(partial(_doubles_or_dies, tmp_path, {5}, 1), CPU_ONLY)
    assert len(list(pool.run(range(10)))) == 10
    assert (num_repeats := pool.num_repeats) >= 1
    done, failed = run_all(pool, range(10, 20))
    assert done == {task: 2 * task for task in range(10, 20)}
    assert not failed
    assert pool.num_repeats >= num_repeats


@pytest.mark.ci
def test_tasks_that_kill_every_worker_are_given_up_and_take_no_innocent_with_them(tmp_path: Path) -> None:
    deadly = {1, 2, 7}
    done, failed = run_all(pool_of(partial(_doubles_or_dies, tmp_path, deadly, 99), CPU_ONLY), range(12))
    assert set(failed) == deadly
    assert set(done) == set(range(12)) - deadly
    assert {task.attempts for task in failed.values()} == {MAX_ATTEMPTS}
    assert all(len((tmp_path / str(task)).read_text()) <= MAX_ATTEMPTS for task in deadly)
    assert all("died" in task.reason for task in failed.values())
    assert all("End of file. It may have run out of memory: fewer" in task.reason for task in failed.values())


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
    with WorkerPool(_DiesFirst, CPU_ONLY) as pool:
        done = {outcome.task: outcome.result for outcome in pool.run(range(6)) if isinstance(outcome, TaskDone)}
    assert done == {task: "again" if task == 3 else "first" for task in range(6)}


def _raises_on_three() -> Callable[[int], int]:
    def work(task: int) -> int:
        if task == 3:
            raise OSError("no space left")
        return task

    return work


def test_a_task_that_raises_is_named_with_its_reason_and_not_repeated() -> None:
    done, failed = run_all(pool_of(_raises_on_three, CPU_ONLY), range(6))
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
    done, failed = run_all(_refusing(tmp_path, everywhere=False), range(40))
    assert (done, failed) == ({task: task for task in range(40)}, {})
    assert len(list(tmp_path.iterdir())) <= 1 + 2 * 2, "those it had at once, perhaps again after its rest"


@pytest.mark.ci
def test_what_no_node_can_do_is_asked_of_each_and_then_done_as_well_as_can_be_or_fails(tmp_path: Path) -> None:
    done, failed = run_all(_refusing(tmp_path, everywhere=True), range(6))
    assert done == {task: ~task for task in range(6) if task != 3}
    assert set(failed) == {3}
    assert 2 <= failed[3].attempts <= 3
    assert re.fullmatch(r"on \S+: no photos here", failed[3].reason)
    asked = [(tmp_path / str(task)).read_text() for task in range(6)]
    assert all(re.fullmatch("[^!]{1,2}!{1,2}", each) for each in asked), "the last ones may run twice"
