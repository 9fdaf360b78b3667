"""Ray started by `ray start`, as on machines of their own: in processes that end with the test."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

# For the head of a `ray.cluster_utils.Cluster`: a free port in place of 52365, for which the agents of two Rays of one
# machine fight for seconds, and no dashboard, which no test asks.
BESIDE_OTHERS = {"dashboard_agent_listen_port": None, "include_dashboard": False}
_RAY = str(Path(sys.executable).with_name("ray"))
_START_S, _END_S = 90.0, 10.0
_SMALL = ("--object-store-memory", str(100 * 1024**2), "--disable-usage-stats", "--block")


@contextmanager
def ray_head(*options: str, environment: Mapping[str, str] = os.environ, port: int | None = None) -> Iterator[str]:
    """A head node; yields its address."""
    port = port or free_port()
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:  # a short path: sockets
        ports = ("--port", str(port), "--dashboard-agent-listen-port", str(free_port()))
        quiet = ("--include-dashboard", "false", "--ray-client-server-port", str(free_port()), "--temp-dir", folder)
        with _started([_RAY, "start", "--head", *ports, *quiet, *options, *_SMALL], environment):
            yield f"127.0.0.1:{port}"


@contextmanager
def ray_node(address: str, *options: str, before: Sequence[str] = ()) -> Iterator[None]:
    """A further node; `before` is a command that its own is appended to."""
    listen = ("--dashboard-agent-listen-port", str(free_port()))
    with _started([*before, _RAY, "start", "--address", address, *listen, *options, *_SMALL], os.environ):
        yield


def without_disk(path: Path) -> list[str]:
    """What `ray_node` begins a node after that has an empty disk of its own at a path."""
    mount = 'mount -t tmpfs tmpfs "$0" && exec "$@"'
    before = ["unshare", "--mount", "--propagation", "private", "sh", "-c", mount, str(path)]
    if subprocess.run([*before, "true"], capture_output=True).returncode:
        pytest.skip("a disk that one node alone sees needs root")
    return before


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def marked_processes(mark: str) -> list[int]:
    """The processes that live and were started, or whose parents were, with this NAME=VALUE in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            if mark.encode() in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


def session_processes(leader: int) -> list[int]:
    """The processes of the session that this one began.

    Ray's agents and actors write over their environment, but stay in it.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            state, _, _, session, *_ = (process / "stat").read_text(errors="replace").rpartition(")")[2].split()
            if int(session) == leader and state not in "ZX":
                found.append(int(process.name))
    return found


@contextmanager
def _started(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[None]:
    """A process that says when it is up; at the end it is told to end, and its whole group is killed.

    A node that is told takes leave of its cluster, which otherwise misses it for half a minute.
    """
    with tempfile.NamedTemporaryFile(prefix="ray-log-") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=dict(environment), start_new_session=True)
        try:
            _wait_until_up(process, Path(log.name))
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_up(process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while "Ray runtime started" not in log.read_text(errors="replace"):
        assert process.poll() is None, log.read_text(errors="replace")
        assert time.monotonic() < deadline, log.read_text(errors="replace")
        time.sleep(0.1)
