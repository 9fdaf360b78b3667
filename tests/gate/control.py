"""A gate that a test closes and opens: behind it, processes of a command wait before they write a file.

What is stopped, killed or looked at "in the middle" is there for certain, however fast the machine.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PATIENCE_S = 120.0  # for processes to start on a busy machine


class Gate:
    """Open at first.

    Args:
        folder: The gate's own, created.

    Attributes:
        environment: What a process is to be started with, so that it heeds the gate; its children inherit it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = {"SHARDSCORE_TEST_GATE": str(folder), "PYTHONPATH": os.pathsep.join(paths)}

    def close(self, pattern: str, limit: int) -> None:
        """Hold whoever wants to write a file of this name where `limit` of them lie, or more."""
        orders = self.folder / "closing"
        orders.write_text(json.dumps({"pattern": pattern, "limit": limit}))
        orders.rename(self.folder / "closed")

    def open(self) -> None:
        """Let everybody through, now and later."""
        (self.folder / "closed").unlink(missing_ok=True)

    def wait_until_held(self, command: subprocess.Popen[Any], num_processes: int = 1) -> None:
        """Return when so many processes of a command are held; fail if it ends before."""

        def are_held() -> bool:
            assert command.poll() is None, f"the command ended with {command.returncode} before it was held"
            return len([pid for pid in self._marked() if is_alive(pid)]) >= num_processes

        wait_until(are_held, f"{num_processes} processes at the gate")

    def wait_until_the_held_are_dead(self) -> None:
        """Return when all processes that were held have ended, as the workers of a killed driver do."""
        wait_until(lambda: not any(map(is_alive, self._marked())), "the death of those at the gate")
        for pid in self._marked():
            (self.folder / "waiting" / str(pid)).unlink()

    def _marked(self) -> list[int]:
        return [int(mark.name) for mark in self.folder.glob("waiting/*")]


def is_alive(pid: int) -> bool:
    """Whether this process runs; one that has ended and is not yet reaped does not."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Return when the condition holds; fail, naming what was waited for, if it takes minutes."""
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {_PATIENCE_S:g} s for {what}"
        time.sleep(0.01)
