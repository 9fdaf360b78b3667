"""Connect to a Ray cluster, or start one on this machine for as long as it is needed."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import ray
from ray._private import ray_constants
from ray._private.node import Node

from cluster.errors import SessionError

# Shard numbers and small reports are all that passes through it: pixels never do.
_OBJECT_STORE_BYTES = 128 * 1024**2
# Added to the command's own. Ray's 15 lets every process that wakes push a worker off its core: 1.5% of int8's rate on
# two cores. Who wants the machine to stay quick for other work says `nice shardscore score`.
_WORKER_NICENESS = 0
_PATIENCE_S = 10.0


@contextmanager
def open_session(address: str | None) -> Iterator[None]:
    """Join the cluster at `address`, that of `RAY_ADDRESS`, or a new local one; leave it at the end.

    A session that is already open (in tests, in a notebook) is used and left open.

    Raises:
        SessionError: If nothing answers at `address`, or Ray cannot start here.
    """
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS")
    if address and address.startswith(("http://", "https://")):
        raise SessionError(
            f"Expected a cluster's own address, such as HEAD:6379; {address} is a dashboard's. To run there, submit a "
            "job to it."
        )
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        check_answers(address)
        _connect(address)
    except Exception as error:  # Ray raises ConnectionError, RuntimeError, ValueError and its own, by the cause
        reason = " ".join(str(error).split())[:300]
        where = f"the Ray cluster at {address}" if address else "a local Ray"
        raise SessionError(f"Cannot reach {where}: {reason}") from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, on_sigterm)  # Ray puts its own in place
    try:
        yield
    finally:
        ray.shutdown()


def check_answers(address: str | None) -> None:
    """Knock at the address first: Ray keeps trying a silent one for minutes.

    Raises:
        OSError: If nothing answers.
    """
    location = urlsplit(address if address and "://" in address else f"//{address or ''}")
    if location.hostname and location.port:
        socket.create_connection((location.hostname, location.port), timeout=_PATIENCE_S).close()


def _connect(address: str | None) -> None:
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address:
        ray.init(address=address, **quiet)
        return
    with _loopback_only(), _no_more_than_needed():
        ray.init(
            address="local",
            include_dashboard=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            _system_config={"worker_niceness": _WORKER_NICENESS},
            **quiet,
        )


@contextmanager
def _loopback_only() -> Iterator[None]:
    """Let a local Ray listen on 127.0.0.1 alone, as it does by itself on Windows and macOS.

    Ray 2.60 has no public option for it: `_node_ip_address="127.0.0.1"` is replaced by the machine's address, and then
    all interfaces are listened on. tests/cluster/test_session.py looks at the sockets.
    """
    before, ray_constants.ENABLE_RAY_CLUSTER = ray_constants.ENABLE_RAY_CLUSTER, False
    os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR] = "0"  # for the processes that Ray starts
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before
        del os.environ[ray_constants.ENABLE_RAY_CLUSTERS_ENV_VAR]


@contextmanager
def _no_more_than_needed() -> Iterator[None]:
    """Leave out what a Ray of one command has no use for: dashboard, autoscaler and log monitor.

    They take three seconds of start and exit on two cores, and Ray 2.60 starts the dashboard's process even with
    `include_dashboard=False`. tests/cluster/test_session.py looks at the processes.
    """
    services = ("start_api_server", "start_monitor", "start_log_monitor")
    before = {name: getattr(Node, name) for name in services}
    for name in services:
        setattr(Node, name, _start_nothing)
    try:
        yield
    finally:
        for name, start in before.items():
            setattr(Node, name, start)


def _start_nothing(node: Node, **options: Any) -> None:
    """Stands in for a method of Ray's that starts a service."""
