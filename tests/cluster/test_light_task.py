import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.errors import WorkersLostError
from cluster.light_task import LightTask
from cluster.nodes import cluster_nodes, own_node_id
from cluster.placement import Placement
from cluster.pool import WorkerPool
from cluster.work import function_recipe

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("two_nodes")]


def _count() -> Callable[[int], int]:
    return lambda task: task + 1


def _environment(name: str) -> str:
    return os.environ[name]


def _fail() -> None:
    raise ValueError("the returns are cut off")


@pytest.mark.ci
def test_it_runs_beside_workers_that_took_every_core() -> None:
    everything = Placement(num_workers=2, gpus_per_worker=0, cpus_per_worker=2)
    with WorkerPool(function_recipe(_count), everything) as pool:
        while len(pool.ready_workers) < 2:
            list(pool.run([1]))
        assert LightTask(_environment, "OMP_NUM_THREADS").result() == "1"


def _node_id() -> str:
    return own_node_id()


@pytest.mark.ci
def test_it_runs_on_a_node_without_gpus_where_workers_use_those_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for node in cluster_nodes():
        nodes = [replace(other, num_gpus=int(other != node)) for other in cluster_nodes()]
        monkeypatch.setattr("cluster.light_task.cluster_nodes", lambda nodes=nodes: nodes)
        assert LightTask(_node_id).result() == node.node_id
        assert LightTask(_node_id, avoid=nodes).result() == own_node_id()


def test_it_sees_no_gpu() -> None:
    assert LightTask(_environment, "CUDA_VISIBLE_DEVICES").result() == ""


def _wait_for(file: Path) -> str:
    while not file.exists():
        time.sleep(0.05)
    return "it is there"


@pytest.mark.ci
def test_it_is_waited_for_as_long_as_is_asked_and_may_be_again(tmp_path: Path) -> None:
    task = LightTask(_wait_for, tmp_path / "file")
    for timeout_s in (0, 0.2):
        with pytest.raises(TimeoutError, match=rf"^The task beside the actors has not ended within {timeout_s} s\.$"):
            task.result(timeout_s)
    (tmp_path / "file").touch()
    assert task.result(timeout_s=60) == task.result() == "it is there"


def _tell_and_hang(file: Path) -> None:
    file.write_text(str(os.getpid()))
    time.sleep(600)


@pytest.mark.ci
def test_one_that_is_stopped_ends_and_does_not_begin_again(tmp_path: Path) -> None:
    task = LightTask(_tell_and_hang, tmp_path / "pid")
    while not (tmp_path / "pid").is_file() or not (process := (tmp_path / "pid").read_text()):
        time.sleep(0.05)
    task.stop()
    with pytest.raises(WorkersLostError, match=r"^The task beside the actors was lost"):
        task.result(timeout_s=60)
    while Path(f"/proc/{process}").exists():
        time.sleep(0.05)
    assert (tmp_path / "pid").read_text() == process
    task.stop()  # once more does no harm


def test_it_raises_what_its_function_raised() -> None:
    with pytest.raises(ValueError, match="the returns are cut off"):
        LightTask(_fail).result()
