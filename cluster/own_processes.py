"""The processes of a Ray that this process started: its servers, agents and workers."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_SERVERS = {"raylet", "gcs_server"}  # what `ray.init` starts as children; all others are theirs
_FREEZE_S, _LOOK_S = 1.0, 0.005  # a thread that the system holds back, in a fork or a read, stops when it is let go


def kill_own_ray() -> bool:
    """Kill them all at once; return whether there were any, which only Linux tells.

    What Ray's own end does in order takes some seconds, and all of them are lost where a signal is to end a command.
    """
    servers = {pid for pid, (parent, name) in _processes().items() if parent == os.getpid() and name in _SERVERS}
    for pid in _freeze(servers):
        _send(pid, signal.SIGKILL)
    return bool(servers)


def _freeze(servers: set[int]) -> set[int]:
    """Stop the servers and all that descend from them; return all.

    None is left out that was just being started: it would stay for a minute, without a server. So whoever may start
    one must have stopped before they are looked for the last time.
    """
    frozen: set[int] = set()
    have_stopped = False
    deadline = time.monotonic() + _FREEZE_S
    while time.monotonic() < deadline:
        new = _family(servers) - frozen
        if have_stopped and not new:
            break
        for pid in new:
            _send(pid, signal.SIGSTOP)
        frozen |= new
        have_stopped = all(map(_has_stopped, frozen))
        if not have_stopped:
            time.sleep(_LOOK_S)
    return frozen


def _family(servers: set[int]) -> set[int]:
    """The servers and all that descend from them."""
    parents = {pid: parent for pid, (parent, _) in _processes().items()}
    return {pid for pid in parents if not servers.isdisjoint(_line(pid, parents))}


def _line(pid: int, parents: dict[int, int]) -> Iterator[int]:
    """A process and those it descends from."""
    while pid in parents:
        yield pid
        pid = parents[pid]


def _processes() -> dict[int, tuple[int, str]]:
    """Parent and name of every process that has not ended."""
    found = {}
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            state, parent, name = _status(folder)
            if state not in "ZX":
                found[int(folder.name)] = (parent, name)
    return found


def _has_stopped(pid: int) -> bool:
    """Whether each thread of a process has stopped, or ended."""
    states = []
    for thread in (_PROC / str(pid) / "task").glob("*"):
        with suppress(OSError):
            states.append(_status(thread)[0])
    return all(state in "TtZX" for state in states)


def _status(folder: Path) -> tuple[str, int, str]:
    """State, parent and name of a process or a thread; proc(5)."""
    name, _, rest = (folder / "stat").read_text(errors="replace").rpartition(")")
    state, parent, *_ = rest.split()
    return state, int(parent), name.partition("(")[2]


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(OSError):
        os.kill(pid, number)
