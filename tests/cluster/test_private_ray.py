import errno
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
import ray

from cluster import private_ray
from cluster.autoscaler import can_never_place, is_autoscaling
from cluster.errors import RayChangedWarning
from cluster.nodes import Node
from cluster.placement import WorkerRequest, plan_placement
from tests.faults import system_fault

pytestmark = pytest.mark.ci

_ROOT = Path(__file__).parents[2]
_OF_A_JOB = json.dumps({"metadata": {"job_submission_id": "raysubmit_1"}})
_RUN_A_POOL = """
import ray
from cluster import private_ray
from cluster.nodes import cluster_nodes
from cluster.placement import WorkerRequest, place_workers
from cluster.pool import WorkerPool
from cluster.session import open_session
from cluster.work import function_recipe

def misfit(node):
    raise TypeError("this Ray calls it otherwise")

{shut}
with open_session(None):
    for _ in range(2):
        placement = place_workers(cluster_nodes(), WorkerRequest(1))
        with WorkerPool(function_recipe(lambda: lambda task: 2 * task), placement) as pool:
            print(*(outcome.result for outcome in pool.run([20, 21])))
    print(ray.util.get_node_ip_address())
"""


def _run_a_pool(shut: str, **job: str) -> tuple[str, list[str]]:
    """Two pools on a local Ray, in a process with doors shut; return its address, and what it warns of.

    Args:
        shut: What shuts them.
        job: What the environment holds besides.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | job
    script = _RUN_A_POOL.format(shut=shut)
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=_ROOT, env=environment
    )
    *results, address = ran.stdout.splitlines() or [""]
    assert results == ["40 42", "40 42"], ran.stderr
    warned = [line for line in ran.stderr.splitlines() if "RayChangedWarning" in line]
    assert all(line.startswith(f"shardscore:1: RayChangedWarning: Ray {ray.__version__} ") for line in warned)
    return address, warned


_ALL_SHUT = """
private_ray._LOOPBACK_SWITCH = ("ray._private.ray_constants", "GONE")
private_ray._NODE = ("ray._private.node", "Gone")
private_ray._TOKENS = ("ray._raylet", "Gone")
private_ray._CLUSTER_STATUS = ("ray.core.generated.gone", "Gone")
"""


@pytest.mark.ray
def test_local_ray_works_with_every_door_shut_and_warns_once_of_each() -> None:
    address, (services, *loopback, autoscaler) = _run_a_pool(_ALL_SHUT)
    assert "cannot be started without its dashboard and monitors" in services
    assert "does not say whether its autoscaler adds nodes" in autoscaler
    if address != "127.0.0.1":  # a machine in a network
        assert len(loopback) == 1
        assert f"cannot be told to listen on 127.0.0.1 alone: this local one listens on {address}" in loopback[0]


@pytest.mark.ray
def test_local_ray_works_where_it_calls_its_services_otherwise() -> None:
    address, (services,) = _run_a_pool("private_ray._start_nothing = misfit")
    assert "cannot be started without its dashboard and monitors" in services
    assert address == "127.0.0.1"


def test_private_parts_of_ray_are_named_in_one_module() -> None:
    for path in (_ROOT / "cluster").glob("*.py"):
        if path.name != "private_ray.py":
            found = re.findall(r"ray\._\w+|ray\.core|internal_kv|_system_config|import _\w+", path.read_text())
            assert not found, f"{path.name}: {found}"


@pytest.fixture(autouse=True)
def warn_anew() -> None:
    """As if nothing had been warned of yet."""
    private_ray._warn.cache_clear()


def test_every_door_is_open_in_this_ray() -> None:
    with private_ray.no_idle_services():
        pass
    assert {"T4", "A100", "H200"} <= (private_ray.accelerator_types() or set())
    doors = (
        private_ray._LOOPBACK_SWITCH,
        private_ray._CONFIG,
        private_ray._TOKENS,
        private_ray._NODE,
        private_ray._HEAD,
        private_ray._ASK_HEAD,
    )
    for module, name in doors:
        assert hasattr(private_ray._get(module), name), "Ray has moved it: see what stands in its place"
    assert "self._conn_str = " in inspect.getsource(private_ray._get("ray.util.client.worker", "Worker"))
    assert private_ray.clients_address() is None, "there is no client here"
    name_of_job = private_ray._get("ray.dashboard.modules.job.common", "JOB_ACTOR_NAME_TEMPLATE")
    assert private_ray._JOB_ACTOR.format("raysubmit_1") == name_of_job.format(job_id="raysubmit_1")
    assert private_ray._get(*private_ray._CLUSTER_STATUS)().HasField("autoscaling_state") is False


def test_doors_leave_ray_and_the_environment_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "127.0.0.1")
    monkeypatch.setenv(private_ray._NICENESS_VARIABLE, "7")
    monkeypatch.delenv(private_ray._LOOPBACK_VARIABLE, raising=False)
    node, constants = private_ray._get(*private_ray._NODE), private_ray._get(private_ray._LOOPBACK_SWITCH[0])
    before = (node.start_monitor, constants.ENABLE_RAY_CLUSTER, dict(os.environ))
    with (
        pytest.raises(RuntimeError, match="cannot start"),
        private_ray.loopback_only(),
        private_ray.no_idle_services(),
        private_ray.worker_niceness(0),
    ):
        assert os.environ[private_ray._NICENESS_VARIABLE] == "7", "what the user set"
        assert os.environ[private_ray._LOOPBACK_VARIABLE] == "0"
        assert (node.start_monitor, constants.ENABLE_RAY_CLUSTER) != before[:2]
        raise RuntimeError("cannot start")
    assert (node.start_monitor, constants.ENABLE_RAY_CLUSTER, dict(os.environ)) == before


def test_local_ray_that_asks_for_no_token_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_ray, "_CONFIG", ("ray.gone", "gone"))
    monkeypatch.delenv("RAY_AUTH_MODE")
    with pytest.warns(RayChangedWarning, match="cannot be told to ask for a token"), private_ray.token_required():
        assert "RAY_AUTH_MODE" not in os.environ
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with private_ray.token_required():
        assert os.environ["RAY_AUTH_MODE"] == "disabled", "what the user set, who is not warned"


@pytest.mark.parametrize("shut", ["_CLUSTER_STATUS", "_HEAD"])
def test_autoscaler_that_does_not_say_what_it_does_counts_as_none(monkeypatch: pytest.MonkeyPatch, shut: str) -> None:
    monkeypatch.setattr(private_ray, shut, ("ray.gone", "gone"))
    with pytest.warns(RayChangedWarning, match="unless `wait_for_nodes` says how long") as warned:
        assert not is_autoscaling(patience_s=60)
        assert not can_never_place({"GPU": 8})
    assert len(warned) == 1


def test_a_job_whose_entry_point_does_not_say_what_it_holds_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    private_ray.held_by_own_job.cache_clear()
    monkeypatch.delenv(private_ray._JOB_VARIABLE, raising=False)
    for door in ("_WORKER", "_ASK_HEAD"):
        monkeypatch.setattr(private_ray, door, ("ray.gone", "gone"))
    assert private_ray.held_by_own_job("127.0.0.1:9") == {}
    gone = system_fault(errno.ECONNREFUSED)
    monkeypatch.setattr("ray.util.state.list_actors", Mock(side_effect=gone))
    for number, config in enumerate(("{}", "none", _OF_A_JOB)):
        private_ray._warn.cache_clear()
        monkeypatch.setenv(private_ray._JOB_VARIABLE, config)
        with pytest.warns(RayChangedWarning, match="does not say what this job's entry point holds"):
            assert private_ray.held_by_own_job(f"127.0.0.1:{number + 1}") == {}


def test_a_local_ray_within_a_submitted_job_is_not_asked_what_the_entry_point_of_that_holds() -> None:
    """Ray would wait 40 s for the dashboard that it has not got, and then one was warned."""
    _, warned = _run_a_pool("", **{private_ray._JOB_VARIABLE: _OF_A_JOB})
    assert not warned


def test_kind_of_gpu_is_believed_where_ray_lists_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_ray, "_ACCELERATORS", "ray.util.gone")
    wanted = WorkerRequest(accelerator_type="Voodoo2", wait_for_nodes_s=5)
    with pytest.warns(RayChangedWarning, match="a misspelt `accelerator_type` is not noticed"):
        assert plan_placement([Node(num_cpus=2, num_gpus=0)], wanted).accelerator_type == "Voodoo2"
