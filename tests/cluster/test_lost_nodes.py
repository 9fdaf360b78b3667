"""What a node takes along when it is lost: actors that start on it, and those that wait for room there."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import ray

from cluster.errors import WaitingWarning, WorkersLostError, WorkerStartError
from cluster.nodes import GO_ON
from cluster.outcomes import TaskDone
from cluster.placement import Placement
from cluster.pool import WorkerPool
from cluster.work import function_recipe
from tests.gate.control import wait_until

pytestmark = pytest.mark.ray

_ON_SPOT = Placement(4, 0, 1, accelerator_type="A100", patience_s=300)  # a kind that only nodes of these tests have


class _Nodes:
    """Nodes that come and go beside those of all tests."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._there: list[Any] = []

    def add(self, num_cpus: int) -> None:
        resources = {"accelerator_type:A100": 1}
        self._there.append(self._cluster.add_node(num_cpus=num_cpus, resources=resources))

    def lose(self, is_told: bool) -> None:
        """End the first one: it tells Ray's head of it, as one that is shut down, or not, as where power fails."""
        self._cluster.remove_node(self._there.pop(0), allow_graceful=is_told)

    def end(self) -> None:
        while self._there:
            self.lose(is_told=True)
        wait_until(lambda: sum(node["Alive"] for node in ray.nodes()) == 2, "the nodes' end")  # type: ignore[no-untyped-call]


@pytest.fixture
def nodes(two_nodes: Any) -> Iterator[_Nodes]:
    nodes = _Nodes(two_nodes)
    yield nodes
    nodes.end()


def _doubles_after(file: Path) -> Callable[[int], int]:
    while not file.exists():
        time.sleep(0.1)
    return lambda task: 2 * task


def _is_done(pool: WorkerPool[int, int, Any]) -> None:
    outcomes = list(pool.run(range(5)))
    assert sorted(outcome.result for outcome in outcomes if isinstance(outcome, TaskDone)) == [0, 2, 4, 6, 8]
    assert pool.start_failures == []


@pytest.mark.ci
def test_actors_that_wait_for_room_are_not_lost_with_the_node_that_they_waited_for(
    tmp_path: Path, nodes: _Nodes
) -> None:
    (tmp_path / "go on").touch()
    nodes.add(num_cpus=1)
    with WorkerPool(function_recipe(partial(_doubles_after, tmp_path / "go on"), 1), _ON_SPOT) as pool:
        waiting = {0, 1, 2, 3} - {pool.first_ready().worker_id}
        nodes.lose(is_told=True)
        while pool._group._workers.keys() & waiting:
            list(pool._settle())
        nodes.add(num_cpus=1)
        _is_done(pool)
        assert pool.num_lost_workers == 1


@pytest.mark.ci
def test_actors_have_not_failed_to_start_on_a_node_whose_power_fails(tmp_path: Path, nodes: _Nodes) -> None:
    nodes.add(num_cpus=3)
    with WorkerPool(function_recipe(partial(_doubles_after, tmp_path / "go on"), 1), _ON_SPOT) as pool:
        while sum(worker.is_starting for worker in pool._group.living) < 3:
            list(pool._settle())
        nodes.lose(is_told=False)
        nodes.add(num_cpus=2)
        (tmp_path / "go on").touch()
        _is_done(pool)
        assert pool.num_lost_workers == 3


def _lose_the_next(nodes: _Nodes, pool: WorkerPool[int, int, Any]) -> None:
    """A node joins, an actor begins to start there, and the node is lost."""
    nodes.add(num_cpus=1)
    started = pool._group._num_started
    while not any(worker.is_starting for worker in pool._group.living):
        list(pool._settle())
    nodes.lose(is_told=True)
    while pool._group._num_started == started:
        list(pool._settle())


@pytest.mark.ci
def test_actors_are_not_started_for_ever_on_nodes_that_are_lost_meanwhile(
    tmp_path: Path, nodes: _Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cluster.failed_starts._MAX_LOSSES", 3)
    one = replace(_ON_SPOT, num_workers=1)
    with WorkerPool(function_recipe(partial(_doubles_after, tmp_path / "never"), 1), one) as pool:
        _lose_the_next(nodes, pool)
        with pytest.warns(WaitingWarning, match="Nodes that were lost while actors started on them: 2, the last one"):
            _lose_the_next(nodes, pool)
        with pytest.raises(WorkerStartError, match=r"No actor gets ready\. Nodes .* on them: 3, the last one"):
            _lose_the_next(nodes, pool)
        assert (pool.num_lost_workers, pool.start_failures) == (3, [])


@pytest.mark.ci
def test_a_job_whose_every_node_was_lost_under_a_start_does_not_say_that_none_came(
    tmp_path: Path, nodes: _Nodes
) -> None:
    one = replace(_ON_SPOT, num_workers=1, patience_s=1)
    with WorkerPool(function_recipe(partial(_doubles_after, tmp_path / "never"), 1), one) as pool:
        _lose_the_next(nodes, pool)
        with pytest.raises(WorkersLostError) as ended:
            pool.first_ready()
    said = str(ended.value)
    assert "No actor is left, and no node with 0 GPUs of kind A100 and 1 CPUs for another one came within 1 s. " in said
    assert "while actors started on them: 1, the last one" in said
    assert said.endswith("help then. Else wait longer with `wait_for_nodes`.")


@pytest.mark.ci
def test_a_job_whose_last_node_is_lost_says_so_and_that_what_is_finished_is_kept(tmp_path: Path, nodes: _Nodes) -> None:
    (tmp_path / "go on").touch()
    nodes.add(num_cpus=1)
    one = replace(_ON_SPOT, num_workers=1, patience_s=1)
    with WorkerPool(function_recipe(partial(_doubles_after, tmp_path / "go on"), 1), one) as pool:
        _is_done(pool)
        nodes.lose(is_told=True)
        with pytest.raises(WorkersLostError) as ended:
            list(pool.run(range(10_000)))
    said = str(ended.value)
    assert "No actor is left, and no node with" in said
    assert "came within 1 s. The last one failed: The actor died because its node has died. Node Id: " in said
    assert said.endswith(f" Wait longer with `wait_for_nodes`. {GO_ON}")
