"""Every private part of Ray that is used, in one place; tried with Ray 2.55 and 2.60.

Where another Ray has not got one, or has it otherwise, work goes on in the plain way, and one warning says what is
slower or less.
"""

import ipaddress
import json
import os
import re
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib import import_module
from operator import attrgetter
from typing import Any

import ray
from ray.exceptions import RayError

from cluster.environment import variable
from cluster.errors import RayChangedWarning
from cluster.notices import notice

_LOOPBACK_SWITCH = ("ray._private.ray_constants", "ENABLE_RAY_CLUSTER")
_SIGNALS_SWITCH = ("ray._private.ray_constants", "RAY_DISABLE_FAILURE_SIGNAL_HANDLER")
_LOOPBACK_VARIABLE = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # the same for the processes that Ray starts
_MODE_VARIABLE = "RAY_AUTH_MODE"  # public, but read when Ray is imported
_TOKEN_VARIABLE = "RAY_AUTH_TOKEN"  # public, but remembered once read
_TOKEN_GIVEN_BY = (_TOKEN_VARIABLE, "RAY_AUTH_TOKEN_PATH", "RAY_ENABLE_K8S_TOKEN_AUTH")
_NICENESS_VARIABLE = "RAY_worker_niceness"  # a Ray that does not know it leaves it aside
_CONFIG = ("ray._raylet", "Config")
_TOKENS = ("ray._raylet", "AuthenticationTokenLoader")
_NODE = ("ray._private.node", "Node")
_IDLE_SERVICES = ("start_api_server", "start_monitor", "start_log_monitor")
_LISTENER = ("ray._private.worker", "global_worker", "listener_thread")
_ACCELERATORS = "ray.util.accelerators.accelerators"  # ray.util.accelerators itself names but some: no H200, no L40S
_FIND_CLUSTER = ("ray._private.services", "canonicalize_bootstrap_address")
_HEAD = ("ray.experimental.internal_kv", "internal_kv_get_gcs_client")
_CLIENT, _CLIENTS_ADDRESS = ("ray.util.client", "ray"), attrgetter("client_worker._conn_str")
_JOB_VARIABLE, _JOB_ID = "RAY_JOB_CONFIG_JSON_ENV_VAR", "job_submission_id"  # which drivers of a submitted job inherit
_WORKER = ("ray._private.worker", "global_worker")
_JOB_ACTOR = "_ray_internal_job_actor_{}"  # what holds the cores and GPUs of a job's entry point
_ASK_HEAD = ("ray.experimental.internal_kv", "_internal_kv_get")
_DASHBOARD_KEY, _DASHBOARD_KEYS = b"webui:url", b"dashboard"  # empty, or not there, where none is served
_CLUSTER_STATUS = ("ray.core.generated.autoscaler_pb2", "GetClusterStatusReply")
_AUTOSCALER_REPORT_KEY = b"__autoscaling_status"
_NODE_STARTED_BY_HAND = re.compile(r"node_[0-9a-f]+")

_CHANGED = (ImportError, AttributeError, TypeError, LookupError, ValueError)

_NO_AUTOSCALER = (
    "does not say whether its autoscaler adds nodes: what has no room now is refused, unless `wait_for_nodes` says how "
    "long to wait."
)


@contextmanager
def loopback_only() -> Iterator[None]:
    """Let the Ray that is started meanwhile listen on 127.0.0.1 alone, as it does by itself on Windows and macOS.

    Ray has no public option for it: `_node_ip_address="127.0.0.1"` is replaced by the machine's address, and then all
    interfaces are listened on. tests/cluster/test_session.py looks at the sockets.
    """
    module, switch = _LOOPBACK_SWITCH
    constants = _find(module)
    with ExitStack() as stack:
        stack.enter_context(variable(_LOOPBACK_VARIABLE, "0"))
        if hasattr(constants, switch):
            stack.enter_context(_replaced(constants, switch, False))
        yield
    address: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    if not ipaddress.ip_address(address).is_loopback:
        _warn(
            f"cannot be told to listen on 127.0.0.1 alone: this local one listens on {address}, and maybe on all "
            "network interfaces. In a network that is not trusted, let a firewall close its ports, or use Ray 2.60."
        )


@contextmanager
def token_required() -> Iterator[None]:
    """Let the Ray that is started meanwhile ask for a token that no other knows; the user's own settings count.

    Ray 2.60 asks by itself, Ray 2.55 does not. Both would keep a token in ~/.ray/auth_token, for which every Ray that
    this user starts from then on would ask.
    """
    is_told = _MODE_VARIABLE in os.environ
    is_given = any(os.environ.get(name) for name in _TOKEN_GIVEN_BY)
    with variable(_MODE_VARIABLE, os.environ.get(_MODE_VARIABLE, "token")), ExitStack() as stack:
        if not is_given:
            stack.enter_context(variable(_TOKEN_VARIABLE, secrets.token_hex(32)))
        if not read_settings() and not is_told:
            del os.environ[_MODE_VARIABLE]
        yield
        if not is_told and os.environ.get(_MODE_VARIABLE) != "token":
            _warn(
                "cannot be told to ask for a token: other users of this machine can reach this local one. Set "
                f"{_MODE_VARIABLE}=token."
            )


def read_settings() -> bool:
    """Let Ray take its settings and token from the environment anew; whether it can."""
    with suppress(*_CHANGED):
        _get(*_TOKENS).instance().reset_cache()
    try:
        _get(*_CONFIG).initialize("")
    except _CHANGED:
        return False
    return True


def was_begun() -> bool:
    """Whether this process has, or had, a Ray open: its listener is left of one that was shut down.

    A Ray that keeps no such thing there is taken for none; then only those count that are open or were begun by us.
    """
    return ray.is_initialized() or _find(*_LISTENER) is not None


@contextmanager
def own_signal_handlers() -> Iterator[None]:
    """Let the Ray that this process begins to use meanwhile leave its signals alone; workers keep Ray's handlers.

    Its own of SIGTERM, there for the trace of a crash, sets an alarm that aborts the process 3 s later, while Ray's
    compiled code may let no Python run for as long: exit code 134 instead of 143, and a lease that stays.
    """
    module, switch = _SIGNALS_SWITCH
    constants = _find(module)
    with ExitStack() as stack:
        if hasattr(constants, switch):
            stack.enter_context(_replaced(constants, switch, True))
        yield


@contextmanager
def no_idle_services() -> Iterator[None]:
    """Leave out what a Ray of one command has no use for: dashboard, autoscaler and log monitor.

    They take three seconds of start and exit on two cores, and Ray starts the dashboard's process even with
    `include_dashboard=False`. tests/cluster/test_session.py looks at the processes.
    """
    node = _find(*_NODE)
    services = [name for name in _IDLE_SERVICES if hasattr(node, name)]
    if len(services) < len(_IDLE_SERVICES):
        warn_of_idle_services()
    with ExitStack() as stack:
        for name in services:
            stack.enter_context(_replaced(node, name, _start_nothing))
        yield


def warn_of_idle_services() -> None:
    """Say that they could not be left out."""
    _warn("cannot be started without its dashboard and monitors: about three seconds more for a local one.")


@contextmanager
def worker_niceness(niceness: int) -> Iterator[None]:
    """Let the workers of the Ray that is started meanwhile be so much nicer than its driver; the user's own counts."""
    with variable(_NICENESS_VARIABLE, os.environ.get(_NICENESS_VARIABLE, str(niceness))):
        yield


def accelerator_types() -> set[str] | None:
    """Ray's names for kinds of GPUs and the like; None if it tells none."""
    known = vars(_find(_ACCELERATORS) or object).items()
    types = {value for name, value in known if name.isupper() and isinstance(value, str)}
    if not types:
        _warn("has no list of GPUs where it was: a misspelt `accelerator_type` is not noticed.")
    return types or None


def found_cluster() -> str | None:
    """HOST:PORT of the cluster that Ray takes `auto` for; None if it does not tell.

    Raises:
        ConnectionError: If it finds none.
    """
    find = _find(*_FIND_CLUSTER)
    if find is None:
        _warn("does not say which cluster `auto` is: one that has ended is waited for, many minutes.")
        return None
    address: str | None = find("auto")
    return address


def managed_node_types() -> set[str] | None:
    """Types of the nodes that an autoscaler manages, empty if all were started by hand; None before any report."""
    try:
        return _read_node_types()
    except _CHANGED:
        _warn(_NO_AUTOSCALER)
        return set()


def infeasible_bundles() -> list[dict[str, float]]:
    """What was asked for and fits on no node that the autoscaler has or may add."""
    try:
        requests = _cluster_status().autoscaling_state.infeasible_resource_requests
        return [dict(request.resources_bundle) for request in requests]
    except _CHANGED:
        _warn(_NO_AUTOSCALER)
        return []


def waiting_bundles() -> list[tuple[dict[str, float], int]]:
    """What was asked for, would fit on a node, and waits for what others hold there; each with how often."""
    try:
        requests = _cluster_status().cluster_resource_state.pending_resource_requests
        return [(dict(waiting.request.resources_bundle), waiting.count) for waiting in requests]
    except _CHANGED:
        _warn("does not say what waits for room: a job that waits for others to end does not say so.")
        return []


@cache
def held_by_own_job(cluster: str) -> Mapping[str, Counter[str]]:
    """What the entry point of the submitted job that this process is part of holds, by node; none outside of jobs.

    Ray's public API of jobs does not tell: what was asked for stands with the actor that runs the entry point. The
    cluster's dashboard is asked. One that has none, such as a local Ray, is not the job's, as jobs come by a dashboard;
    Ray itself would wait 40 s for one.

    Args:
        cluster: Address of the head of the cluster, which may be another than the job's.
    """
    try:
        job_id = _own_job_id()
        return _held_by_entry_point(job_id, cluster) if job_id and _has_dashboard() else {}
    except (*_CHANGED, RayError, OSError):
        _warn(
            "does not say what this job's entry point holds: if it was given cores or GPUs, an actor that is too large "
            "to fit beside it waits without end."
        )
        return {}


def _own_job_id() -> str | None:
    """The id of the submitted job that this process is part of, a driver or a worker; None outside of jobs."""
    with suppress(*_CHANGED):
        told: Mapping[str, str] = _get(*_WORKER).core_worker.get_job_config().metadata
        return told.get(_JOB_ID)
    return json.loads(os.environ[_JOB_VARIABLE])["metadata"][_JOB_ID] if _JOB_VARIABLE in os.environ else None


def _has_dashboard() -> bool:
    """Whether the cluster that this process is connected to has one; one that does not tell may have."""
    try:
        return bool(_get(*_ASK_HEAD)(_DASHBOARD_KEY, namespace=_DASHBOARD_KEYS))
    except _CHANGED:
        return True


def _held_by_entry_point(job_id: str, cluster: str) -> Mapping[str, Counter[str]]:
    from ray.util.state import list_actors  # few processes need it
    from ray.util.state.exception import RayStateApiException

    runs_entry_point: list[Any] = [("name", "=", _JOB_ACTOR.format(job_id)), ("state", "=", "ALIVE")]
    try:
        found: list[Any] = list_actors(cluster, runs_entry_point, detail=True)
    except RayStateApiException as error:
        raise LookupError from error
    return {actor.node_id: Counter(actor.required_resources) for actor in found}


def clients_address() -> str | None:
    """HOST:PORT that this process' Ray Client is connected to; None if it does not tell."""
    try:
        address: str | None = _CLIENTS_ADDRESS(_get(*_CLIENT).get_context())
    except _CHANGED:
        return None
    return address


def _read_node_types() -> set[str] | None:
    """Ray has two autoscalers: the first leaves a report in the key-value store, the second its state with the head."""
    status = _cluster_status()
    if status.HasField("autoscaling_state"):
        return {node.ray_node_type_name for node in status.cluster_resource_state.node_states} - {""}
    stored = json.loads(_head().internal_kv_get(_AUTOSCALER_REPORT_KEY, None) or "{}")
    report = stored.get("autoscaler_report")
    if report is None:
        return None
    types = {*report["active_nodes"], *(report["idle_nodes"] or {}), *report["pending_launches"]}
    return {name for name in types if not _NODE_STARTED_BY_HAND.fullmatch(name)}


def _cluster_status() -> Any:
    reply = _get(*_CLUSTER_STATUS)()
    reply.ParseFromString(_head().get_cluster_status())
    return reply


def _head() -> Any:
    """The connection that `ray.init` made to the head."""
    return _get(*_HEAD)()


def _get(module: str, *names: str) -> Any:
    """A module, or what it calls by that name."""
    found: Any = import_module(module)
    for name in names:
        found = getattr(found, name)
    return found


def _find(module: str, *names: str) -> Any:
    """The same, or None."""
    try:
        return _get(module, *names)
    except (ImportError, AttributeError):
        return None


@contextmanager
def _replaced(owner: Any, name: str, value: object) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _start_nothing(*arguments: object, **options: object) -> None:
    """Stands in for a method of Ray's that starts a service."""


@cache
def _warn(what: str) -> None:
    """Say it once, in one line, which shows no source."""
    notice(f"Ray {ray.__version__} {what}", RayChangedWarning)
