"""Connect to a Ray cluster, or start one on this machine for as long as it is needed."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import ray

from cluster import private_ray, token_file
from cluster.addresses import hide_secrets, without_password
from cluster.background_call import BackgroundCall
from cluster.environment import variable
from cluster.errors import SessionError
from cluster.own_processes import kill_own_ray

# Shard numbers and small reports are all that passes through it: pixels never do.
_OBJECT_STORE_BYTES = 128 * 1024**2
# Added to the command's own. Ray's 15 lets every process that wakes push a worker off its core: 1.5% of int8's rate on
# two cores. Who wants the machine to stay quick for other work says `nice shardscore score`.
_WORKER_NICENESS = 0
# Workers hide GPUs themselves (cluster/devices.py); without this, Ray 2.55 warns that it will no longer do so itself.
_GPU_TIP_VARIABLE = "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"
_STATISTICS_VARIABLE = "RAY_USAGE_STATS_ENABLED"  # a Ray that we start reports to nobody
_PATIENCE_S = 10.0
_LOCAL = "local"  # Ray's word for a new cluster on this machine


def _goes_on() -> bool:
    return False


@contextmanager
def open_session(address: str | None, is_ending: Callable[[], bool] = _goes_on) -> Iterator[None]:
    """Join the cluster at `address`, that of `RAY_ADDRESS`, or a new local one; leave it at the end.

    `local`, Ray's own word, is the same as no address: a Ray that nobody else reaches.

    A session that is already open (in tests, in a notebook) is used and left open.

    Args:
        address: Where.
        is_ending: Whether this process is about to end: a Ray of its own is killed then, instead of shut down.

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
    connecting = BackgroundCall(partial(_connect, address))
    try:
        _connect_in_background(connecting, address)
        yield
    finally:
        _end(connecting, is_ending)


def _connect_in_background(connecting: BackgroundCall, address: str | None) -> None:
    """Connect while signals are heeded: Ray's compiled code, which starts for seconds, looks for none."""
    try:
        check_answers(address)
        with _own_sigterm():
            connecting.run()
    except SessionError:
        raise
    except Exception as error:  # Ray raises ConnectionError, RuntimeError, ValueError and its own, by the cause
        where = f"the Ray cluster at {without_password(address)}" if address else "a local Ray"
        raise SessionError(f"Cannot reach {where}: {hide_secrets(str(error), address=address)}") from error


def _end(connecting: BackgroundCall, is_ending: Callable[[], bool]) -> None:
    """Leave the cluster; nothing is left of one that was started here."""
    if is_ending() and (kill_own_ray() or connecting.is_running()):
        return  # what still starts ends with this process
    connecting.wait()
    if connecting.has_begun():
        try:
            ray.shutdown()
        except BaseException:  # a signal, in the middle of it: no worker that is just starting may stay
            kill_own_ray()
            raise
    connecting.end()


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep our handler of SIGTERM where Ray puts its own in its place or before it, also when the start fails.

    See `own_signal_handlers`, which a Ray may not heed.
    """
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
            signal.alarm(0)


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
    with (
        variable(_GPU_TIP_VARIABLE, "0"),
        variable(_STATISTICS_VARIABLE, "0"),
        private_ray.own_signal_handlers(),
    ):
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
