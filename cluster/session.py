"""Connect to a Ray cluster, or start one on this machine for as long as it is needed."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import ray

from cluster import private_ray, temporary_folder
from cluster.addresses import is_same_server, reason_of, without_password
from cluster.background_call import BackgroundCall
from cluster.environment import kept_variable, variable
from cluster.errors import PlacementError, SessionError, WaitingWarning
from cluster.knock import check_answers
from cluster.local_ray import LOCAL, start_local
from cluster.notices import notice
from cluster.own_processes import kill_own_ray
from cluster.own_ray import OwnRay

# Workers hide GPUs themselves (cluster/devices.py); without this, Ray 2.55 warns that it will no longer do so itself.
_GPU_TIP_VARIABLE = "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"
_STATISTICS_VARIABLE = "RAY_USAGE_STATS_ENABLED"  # a Ray that we start reports to nobody
_ANY = "auto"  # Ray's word for a cluster that is found
_CLIENT = "ray://"  # a driver on another machine, whose address is not the head's own
NO_TOKEN = (
    "it asks for a token, and got none or another. Ray takes it from RAY_AUTH_TOKEN, from the file in "
    "RAY_AUTH_TOKEN_PATH or from ~/.ray/auth_token, if RAY_AUTH_MODE is token."
)
_OTHER_PORT = "Or its port is of the other kind: HEAD:6379 is a head's own, ray://HEAD:10001 its Ray Client server's."

_SLOW = "A local Ray did not start in time, as happens where a machine is busy: it is started once more."

_DEBUGGER_VARIABLE = "PYTHONBREAKPOINT"  # Ray sets a debugger of its own, which a process without Ray has not got
_STARTS, _TOO_SLOW = 3, ("timed out during startup", "Timed out waiting for file")  # Ray's words of a local one
_NO_CLIENT = "client server failed"  # Ray's words where a cluster lets a client in, but cannot start a server for it
_SOCKET = "AF_UNIX"  # what Ray says of a socket whose path is too long


def _goes_on() -> bool:
    return False


def check_not_forked() -> None:
    """Refuse a process that was forked from one with a Ray: its connections and threads stay behind, its locks do not.

    There Ray waits without end, or crashes, be that Ray open or shut down.

    Raises:
        SessionError: If it was.
    """
    if _is_fork_of_ray:
        raise SessionError(
            "Expected a process that Ray can work in; this one was forked from one that has or had Ray open. Start it "
            'with multiprocessing.get_context("spawn"), or ProcessPoolExecutor(mp_context=...) of that.'
        )


def _note_fork() -> None:
    global _is_fork_of_ray
    _is_fork_of_ray = _is_fork_of_ray or _has_connected or private_ray.was_begun()


_has_connected = False  # or tried to
_is_fork_of_ray = False
os.register_at_fork(after_in_child=_note_fork)


@contextmanager
def open_session(address: str | None, is_ending: Callable[[], bool] = _goes_on) -> Iterator[None]:
    """Join the cluster at `address`, that of `RAY_ADDRESS`, or a new local one; leave it at the end.

    `local`, Ray's own word, is the same as no address: a Ray that nobody else reaches.

    A session that is already open (in tests, in a notebook) is used and left open. Sessions of several threads share
    the one Ray that a process can have: the first begins it, and the last leaves it.

    Args:
        address: Where.
        is_ending: Whether this process is about to end: a Ray of its own is killed then, instead of shut down.

    Raises:
        PlacementError: If `address` is a dashboard's, or another Ray is open.
        SessionError: If nothing answers at `address`, or Ray cannot start here. See also `check_not_forked`.
    """
    check_not_forked()  # before the lock, which a thread of the parent may hold
    session = object()
    try:
        with _lock:
            _join(session, address)
        yield
    finally:
        with _lock:
            _leave(session, is_ending)


_lock = threading.RLock()
_own: OwnRay | None = None


def _join(session: object, address: str | None) -> None:
    global _own
    chosen = _cluster_address(address)
    _end_unused(_goes_on)  # a signal may have come while it was left
    if ray.is_initialized():
        if _own is None:
            _check_open_at(address)
            return
        if chosen != _own.address:
            _check_open_at(chosen or LOCAL)
    else:
        if chosen and chosen.startswith(("http://", "https://")):
            raise PlacementError(
                f"Expected a cluster's own address, such as HEAD:6379; {without_password(chosen)} is a dashboard's. To "
                "run there, submit a job to it."
            )
        if _own:  # its start was stopped, or it was shut down
            _own.end(_goes_on)
        _own = OwnRay(chosen, BackgroundCall(partial(_connect, chosen)))
    _own.sessions.add(session)
    if not _own.connecting.has_begun():
        _begin(_own)


def _leave(session: object, is_ending: Callable[[], bool]) -> None:
    if _own and session in _own.sessions:
        _own.sessions.remove(session)
        _end_unused(is_ending)


def _end_unused(is_ending: Callable[[], bool]) -> None:
    global _own
    if _own and not _own.sessions:
        _own.end(is_ending)
        _own = None


def _check_open_at(address: str | None) -> None:
    """Refuse to run on a Ray that is open when another is asked for.

    Raises:
        PlacementError: If `address` is not that of the open one.
    """
    if not address or address == _ANY:
        return
    open_at: str = ray.get_runtime_context().gcs_address
    server, asked = open_at, "localhost" if address == LOCAL else address
    if address.startswith(_CLIENT) and _is_client():
        server, asked = private_ray.clients_address() or asked.removeprefix(_CLIENT), asked.removeprefix(_CLIENT)
        open_at = f"{_CLIENT}{server}"
    if not is_same_server(asked, server):
        raise PlacementError(
            f"Expected the address of the Ray that this process has open, {open_at}, as it can have but one; received "
            f"{without_password(address)}. Leave `address` out to run there, or end that one first."
        )


def _is_client() -> bool:
    is_connected: bool = ray.util.client.ray.is_connected()  # type: ignore[no-untyped-call]
    return is_connected


def _begin(own: OwnRay) -> None:
    """Connect, or start a Ray: once more if it has given itself up, as it waits but 15 s for its own agents.

    No setting makes it wait longer, and on a machine that is busy they may need that long to import their libraries.
    """
    for left in reversed(range(_STARTS)):
        try:
            _connect_in_background(own.connecting, own.address)
            return
        except SessionError as error:
            if own.address or not any(words in str(error) for words in _TOO_SLOW):
                raise
            if not left:
                raise SessionError(f"{error} Run it again when less is at work on this machine.") from error
        notice(_SLOW, WaitingWarning)
        kill_own_ray()  # what is left of it
        own.connecting.end()
        own.connecting = BackgroundCall(partial(_connect, own.address))


def _connect_in_background(connecting: BackgroundCall, address: str | None) -> None:
    """Connect while signals are heeded: Ray's compiled code, which starts for seconds, looks for none."""
    answered, where = False, f"the Ray cluster at {without_password(address)}" if address else "a local Ray"
    try:
        found = private_ray.found_cluster() if address == _ANY else address
        if found and found != address:
            where += f", which is {found}"
        answered = check_answers(found)
        with _own_sigterm():
            connecting.run()
    except SessionError:
        raise
    except Exception as error:  # Ray raises ConnectionError, RuntimeError, ValueError and its own, by the cause
        if connecting.has_begun() and not connecting.has_raised(error):
            raise  # a signal's handler did
        reason = reason_of(error, address=address)
        if answered and isinstance(error, ConnectionError) and _NO_CLIENT not in reason:  # Ray prints why
            reason = f"{reason.rstrip('.')}. Perhaps {NO_TOKEN} {_OTHER_PORT}"
        if not address and isinstance(error, OSError) and (error.filename or _SOCKET in reason):
            reason = f"{reason.rstrip('.')}. {temporary_folder.ADVICE}"
        raise SessionError(f"Cannot reach {where}: {reason}") from error


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep our handler of SIGTERM where Ray puts its own in its place or before it, also when the start fails.

    See `own_signal_handlers`, which a Ray may not heed. The alarm that Ray's sets is off then, and a caller's is as it
    was.
    """
    handler = signal.getsignal(signal.SIGTERM)
    began, (left_s, interval_s) = time.monotonic(), signal.getitimer(signal.ITIMER_REAL)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
            if not left_s:
                signal.alarm(0)
            elif (rest_s := left_s - (time.monotonic() - began)) > 0:  # else the caller's own alarm has gone off
                signal.setitimer(signal.ITIMER_REAL, rest_s, interval_s)


def _cluster_address(address: str | None) -> str | None:
    chosen = (address or "").strip() or os.environ.get("RAY_ADDRESS", "").strip()
    if chosen == _CLIENT:
        raise PlacementError(f"Expected a cluster's address, such as HEAD:6379 or ray://HEAD:10001; received {chosen}.")
    return None if chosen in ("", LOCAL) else chosen


def _connect(address: str | None) -> None:
    global _has_connected
    _has_connected = True
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    with (
        variable(_GPU_TIP_VARIABLE, "0"),
        variable(_STATISTICS_VARIABLE, "0"),
        kept_variable(_DEBUGGER_VARIABLE),
        private_ray.own_signal_handlers(),
    ):
        if address:
            ray.init(address=address, **quiet)
        else:
            start_local({"include_dashboard": False, **quiet})
