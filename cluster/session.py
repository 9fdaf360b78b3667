"""Connect to a Ray cluster, or start one on this machine for as long as it is needed."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import ray

from cluster import private_ray, token_file
from cluster.addresses import hide_secrets, without_password
from cluster.environment import variable
from cluster.errors import SessionError

# Shard numbers and small reports are all that passes through it: pixels never do.
_OBJECT_STORE_BYTES = 128 * 1024**2
# Added to the command's own. Ray's 15 lets every process that wakes push a worker off its core: 1.5% of int8's rate on
# two cores. Who wants the machine to stay quick for other work says `nice shardscore score`.
_WORKER_NICENESS = 0
# Workers hide GPUs themselves (cluster/devices.py); without this, Ray 2.55 warns that it will stop to.
_GPU_TIP_VARIABLE = "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"
_STATISTICS_VARIABLE = "RAY_USAGE_STATS_ENABLED"  # a Ray that we start reports to nobody
_PATIENCE_S = 10.0
_LOCAL = "local"  # Ray's word for a new cluster on this machine


@contextmanager
def open_session(address: str | None) -> Iterator[None]:
    """Join the cluster at `address`, that of `RAY_ADDRESS`, or a new local one; leave it at the end.

    `local`, Ray's own word, is the same as no address: a Ray that nobody else reaches.

    A session that is already open (in tests, in a notebook) is used and left open.

    Raises:
        SessionError: If nothing answers at `address`, or Ray cannot start here.
    """
    if ray.is_initialized():
        yield
        return
    address = _cluster_address(address)
    if address and address.startswith(("http://", "https://")):
        raise SessionError(
            f"Expected a cluster's own address, such as HEAD:6379; {without_password(address)} is a dashboard's. To "
            "run there, submit a job to it."
        )
    try:
        check_answers(address)
        with _own_sigterm():
            _connect(address)
    except SessionError:
        raise
    except Exception as error:  # Ray raises ConnectionError, RuntimeError, ValueError and its own, by the cause
        where = f"the Ray cluster at {without_password(address)}" if address else "a local Ray"
        raise SessionError(f"Cannot reach {where}: {hide_secrets(str(error), address=address)}") from error
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep our handler of SIGTERM where Ray puts its own, also when the start fails or is interrupted.

    Ray's handler exits. A signal that arrives while it is in place is passed on to ours.
    """
    handler = signal.getsignal(signal.SIGTERM)
    is_main = threading.current_thread() is threading.main_thread()
    try:
        yield
    except BaseException as error:
        if is_main:
            signal.signal(signal.SIGTERM, handler)
            signal.alarm(0)  # Ray's compiled handler sets one that aborts the process 3 s after a SIGTERM
        ray.shutdown()
        if isinstance(error, SystemExit) and error.code == signal.SIGTERM and callable(handler):
            handler(signal.SIGTERM, None)
        raise
    if is_main:
        signal.signal(signal.SIGTERM, handler)


def _cluster_address(address: str | None) -> str | None:
    chosen = address or os.environ.get("RAY_ADDRESS")
    return None if chosen == _LOCAL else chosen


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
    with variable(_GPU_TIP_VARIABLE, "0"), variable(_STATISTICS_VARIABLE, "0"):
        if address:
            ray.init(address=address, **quiet)
        else:
            _start_local({"include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES, **quiet})


def _start_local(options: Mapping[str, Any]) -> None:
    """Start a Ray that other machines and users cannot reach, with no more services than one command needs."""
    with (
        private_ray.loopback_only(),
        private_ray.token_required(),
        private_ray.worker_niceness(_WORKER_NICENESS),
    ):
        token_file.check_writable()
        try:
            with private_ray.no_idle_services():
                ray.init(address=_LOCAL, **options)
        except (AttributeError, TypeError):  # this Ray misses one of them
            ray.shutdown()
            private_ray.warn_of_idle_services()
            ray.init(address=_LOCAL, **options)
        finally:
            token_file.tighten()
