"""Drivers that do without Ray, each a process with the exit codes and signals of the command.

They are forked from a server that has imported all: one starts in some hundredths of a second.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jobs.console.exit_codes import exit_codes
from jobs.console.stop_signals import stop_signals
from jobs.console.terminal import Terminal
from scoring.run import lease
from tests.chaos.without_ray import GATE, score_here
from tests.gate.control import wait_until

BEAT_S, STALE_S = 0.1, 1.0  # hearts beat faster here than in earnest, and stop sooner
_PATIENCE_S = 60.0

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload([__name__])


class Driver:
    """A process that scores.

    Args:
        images: What.
        output: Where to.
        log: What it says goes there.
        gate: Holds it before its shards; None for none.
        options: Of the run; see `score_here`.
    """

    def __init__(self, images: Path, output: Path, log: Path, gate: Path | None = None, **options: Any) -> None:
        self._log = log
        log.touch()
        arguments = (images, output, log, gate, options)
        self.process = _server.Process(target=_drive, args=arguments, daemon=True)
        self.process.start()
        assert self.process.pid is not None
        self.pid: int = self.process.pid

    @property
    def is_running(self) -> bool:
        return self.process.is_alive()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self.process.is_alive():
            os.kill(self.pid, number)

    def end(self) -> int:
        """Wait until it has ended; return its exit code, or minus the signal that killed it."""
        self.process.join(_PATIENCE_S)
        assert self.process.exitcode is not None, f"it hangs; it said: {self.said}"
        assert "Traceback" not in self.said, self.said
        return self.process.exitcode

    @property
    def said(self) -> str:
        """What it has said so far."""
        return self._log.read_text(errors="replace")

    def holds(self, lease_file: Path) -> bool:
        """Whether the lease is its own."""
        try:
            return f'"pid": {self.pid},' in lease_file.read_text()
        except OSError:
            return False

    def wait_until_it_holds_or_has_ended(self, lease_file: Path) -> None:
        wait_until(lambda: self.holds(lease_file) or not self.is_running, "a driver's lease")

    def wait_until_it_holds(self, lease_file: Path) -> None:
        self.wait_until_it_holds_or_has_ended(lease_file)
        assert self.is_running, self.said

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.process.join()


def wait_until_one_is_left(drivers: Sequence[Driver]) -> None:
    """Return when all drivers but one have ended."""
    wait_until(lambda: sum(driver.is_running for driver in drivers) == 1, "the end of all but one")


def _drive(images: Path, output: Path, log: Path, gate: Path | None, options: dict[str, Any]) -> None:
    """What `jobs.cli.main` does, around a run without Ray."""
    with log.open("a") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
    if gate:
        os.environ[GATE] = str(gate)
    hearts_beat_fast()
    with exit_codes():
        stop_signals.install()
        score_here(images, output, Terminal(), **options)


def hearts_beat_fast(replaced: Callable[[Any, str, float], object] = setattr) -> None:
    """Let leases of this process beat and grow stale in a second."""
    replaced(lease, "BEAT_S", BEAT_S)
    replaced(lease, "STALE_S", STALE_S)
