"""A Ray cluster as administrators start one: a process for each node, each with a temporary folder of its own."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

_START_S = 90.0
_PORTS = ("dashboard-agent-listen-port", "dashboard-agent-grpc-port", "runtime-env-agent-port", "metrics-export-port")


class RealCluster:
    """A head that takes no work, and workers of one core and one pretended GPU; a context manager.

    Every node has a loopback address of its own, as it would have on a machine of its own.

    Args:
        num_workers: How many workers.
        variables: What the nodes have in their environment beside this process' own.

    Attributes:
        dashboard: The address to submit to.
    """

    def __init__(self, num_workers: int, **variables: str) -> None:
        self._num_workers, self._variables = num_workers, variables
        self._folder = Path(tempfile.mkdtemp(prefix="ray-"))  # short: the paths of sockets are limited
        self._nodes: list[subprocess.Popen[bytes]] = []
        self._head_port, dashboard_port, self._client_port = free_port(), free_port(), free_port()
        self.dashboard = f"http://127.0.0.1:{dashboard_port}"
        self._dashboard_port = dashboard_port

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        head = ("--head", "--port", self._head_port, "--ray-client-server-port", self._client_port, "--num-cpus", 0)
        self._start_node(*head, "--dashboard-host", "127.0.0.1", "--dashboard-port", self._dashboard_port)
        self._wait_for(lambda: self._asks("job", "list", "--address", self.dashboard) is not None)
        for _ in range(self._num_workers):
            self._start_node("--address", f"127.0.0.2:{self._head_port}", "--num-cpus", 1, "--num-gpus", 1)
        self._wait_for(lambda: self._num_gpus() == self._num_workers)

    def _stop(self) -> None:
        for node in reversed(self._nodes):
            node.terminate()  # ends the node's processes as well
            node.wait(timeout=60)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start_node(self, *options: object) -> None:
        number = len(self._nodes)
        own = ("--node-ip-address", f"127.0.0.{number + 2}", "--temp-dir", self._folder / str(number))
        ports = [word for name in _PORTS for word in (f"--{name}", free_port())]
        command = ("ray", "start", "--block", "--object-store-memory", 100 * 1024**2, *options, *own, *ports)
        with (self._folder / f"{number}.log").open("wb") as log:
            self._nodes.append(
                subprocess.Popen(
                    [str(word) for word in command], env=environment(**self._variables), stdout=log, stderr=log
                )
            )

    def _num_gpus(self) -> int:
        status = self._asks("status", "--address", f"127.0.0.2:{self._head_port}") or ""
        found = re.search(r"/([\d.]+) GPU", status)
        return int(float(found.group(1))) if found else 0

    def _asks(self, *words: str) -> str | None:
        """What `ray` says of the cluster; None if it fails."""
        said = subprocess.run(["ray", *words], env=environment(), capture_output=True, text=True)
        return None if said.returncode else said.stdout

    def _wait_for(self, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _START_S
        while not is_ready():
            assert time.monotonic() < deadline, "\n".join(log.read_text() for log in self._folder.glob("*.log"))
            time.sleep(0.5)


def environment(**changes: str) -> dict[str, str]:
    """This process' environment with its virtual environment activated: `python` and `ray` are the right ones."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, **changes}


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
