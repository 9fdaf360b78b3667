"""The processes of a Ray that this process started: its servers, agents and workers."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_SERVERS = {"raylet", "gcs_server"}  # what `ray.init` starts as children; all others are theirs


def kill_own_ray() -> bool:
    """Kill them all at once; return whether there were any, which only Linux tells.

    The servers are stopped first, so that none starts another worker meanwhile. What Ray's own end does in order
    takes some seconds, and all of them are lost where a signal is to end a command.
    """
    servers = [pid for pid, (parent, name) in _processes().items() if parent == os.getpid() and name in _SERVERS]
    for pid in servers:
        _send(pid, signal.SIGSTOP)
    parents = {pid: parent for pid, (parent, _) in _processes().items()}
    for pid in parents:
        if any(ancestor in servers for ancestor in _line(pid, parents)):
            _send(pid, signal.SIGKILL)
    return bool(servers)


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
            name, _, rest = (folder / "stat").read_text(errors="replace").rpartition(")")
            state, parent, *_ = rest.split()
            if state not in "ZX":
                found[int(folder.name)] = (int(parent), name.partition("(")[2])
    return found


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(OSError):
        os.kill(pid, number)
