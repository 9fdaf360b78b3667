import os
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from cluster.errors import WorkerStartError
from cluster.nodes import cluster_nodes
from cluster.outcomes import TaskDone
from cluster.placement import Placement
from cluster.pool import WorkerPool
from cluster.work import MAX_TASKS_AT_ONCE, function_recipe
from tests.pools import CPU_ONLY, ONE_GPU, double, pool_of, run_all

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("two_nodes")]


def _see_devices() -> Callable[[int], str]:
    return lambda task: os.environ["CUDA_VISIBLE_DEVICES"]


def test_every_task_is_done_once() -> None:
    done, failed = run_all(pool_of(double, ONE_GPU), range(50))
    assert done == {task: 2 * task for task in range(50)}
    assert not failed


def test_no_tasks_is_no_work() -> None:
    pool = pool_of(double, CPU_ONLY)
    pool.first_ready()
    assert run_all(pool, range(0)) == ({}, {})


def test_a_worker_is_waited_for_no_longer_than_until_something_else_is_so() -> None:
    pool = pool_of(double, replace(ONE_GPU, num_workers=1))
    pool.wait_ready(until=lambda: True)
    assert not pool.ready_workers
    pool.wait_ready()
    assert len(pool.ready_workers) == 1
    pool.stop()


def test_no_two_workers_see_the_same_gpu_of_a_node() -> None:
    pool = pool_of(_see_devices, ONE_GPU)
    while len(pool.ready_workers) < 3:
        list(pool.run(range(3)))
    pool.stop()
    seen = [(worker.devices.node_id, worker.devices.gpu_ids) for worker in pool.ready_workers]
    assert len(set(seen)) == 3
    assert sorted(gpu_ids for _, gpu_ids in seen) == [("0",), ("0",), ("1",)]
    assert len({node_id for node_id, _ in seen}) == 2


def test_workers_run_only_where_the_named_kind_of_gpu_is() -> None:
    pool = pool_of(_see_devices, replace(ONE_GPU, num_workers=1, accelerator_type="T4"))
    node_id = pool.first_ready().devices.node_id
    pool.stop()
    assert [node.node_id for node in cluster_nodes() if "T4" in node.accelerator_types] == [node_id]


def test_cpu_workers_see_no_gpu() -> None:
    pool = pool_of(_see_devices, CPU_ONLY)
    outcomes = [outcome.result for outcome in pool.run(range(4)) if isinstance(outcome, TaskDone)]
    pool.stop()
    assert outcomes == [""] * 4


def test_two_workers_share_a_gpu_only_by_fractions() -> None:
    pool = pool_of(_see_devices, Placement(num_workers=4, gpus_per_worker=0.5, cpus_per_worker=0.5))
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
    pool = pool_of(_see_memory_settings, Placement(num_workers=1, gpus_per_worker=share, cpus_per_worker=1))
    settings = [outcome.result for outcome in pool.run([0]) if isinstance(outcome, TaskDone)]
    pool.stop()
    assert settings == [expected]


def test_jax_takes_its_share_of_a_gpu_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    client = pytest.importorskip("jaxlib.xla_client", reason="needs jax")
    monkeypatch.setenv("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.4500")
    assert client.generate_pjrt_gpu_plugin_options()["memory_fraction"] == 0.45


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
    one = replace(CPU_ONLY, num_workers=1)
    done, _ = run_all(WorkerPool(partial(_Overlapping, tasks_at_once), one), range(8))
    assert max(done.values()) == tasks_at_once


def test_more_tasks_at_once_than_an_actor_has_threads_are_refused() -> None:
    with (
        pytest.raises(WorkerStartError, match=r"Expected 1 to 3 tasks at once; received 4\."),
        WorkerPool(partial(_Overlapping, MAX_TASKS_AT_ONCE + 1), CPU_ONLY) as pool,
    ):
        pool.first_ready()


@dataclass(frozen=True)
class _Square:
    number: int


def _square() -> Callable[[_Square], int]:
    return lambda task: task.number**2


def test_a_task_is_what_it_says_not_only_a_number() -> None:
    with WorkerPool(function_recipe(_square), CPU_ONLY) as pool:
        outcomes = list(pool.run([_Square(3), _Square(4)]))
    assert {outcome.task: outcome.result for outcome in outcomes if isinstance(outcome, TaskDone)} == {
        _Square(3): 9,
        _Square(4): 16,
    }


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
    pool = pool_of(partial(_hangs_once, tmp_path), replace(CPU_ONLY, num_workers=1), deadline_s=1.0)
    done, failed = run_all(pool, range(6))
    assert sorted(done) == list(range(6))
    assert not failed
    assert pool.num_lost_workers == 1


def test_the_tail_is_copied_to_idle_workers_and_the_first_to_end_counts(tmp_path: Path) -> None:
    """One worker sleeps on the last task; the other, idle, does it meanwhile. No deadline would end it in time."""
    (tmp_path / "hang").touch()
    pool = pool_of(partial(_hangs_once, tmp_path), CPU_ONLY)
    while len(pool.ready_workers) < 2:
        list(pool.run([0, 1]))
    done, _ = run_all(pool, range(3))
    assert sorted(done) == [0, 1, 2]
    assert pool.num_lost_workers == 0
    assert pool.num_repeats >= 1
