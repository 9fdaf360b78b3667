"""A Ray that administrators start, with the settings of our cluster files: its head reports nothing home."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.real_cluster import free_port
from tests.watched import Watched

# In all cluster files; tests/cluster/test_deployment.py looks.
MUTED_RAY = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_USAGE_STATS_REPORT_URL": "http://127.0.0.1:9"}
# Ray asks which cloud it is in, of the machine that this one runs on, and tells nobody; no setting keeps it from that.
_CLOUD = ("169.254.169.254", "metadata.google.internal")
_OWN_ADDRESS = "8.8.8.8"  # Ray learns its own address by the route there: UDP connects without sending anything
_SETTLED = "Usage reporting is "  # what the head logs before it reports
_START_S = 90.0
_REPORTED_S = 5.0


def _attempts_of_a_head(folder: Path, settings: Mapping[str, str]) -> list[str]:
    """What the head of a cluster tries to reach, also once it would report."""
    watched = Watched(folder, {**settings, "RAY_USAGE_STATS_REPORT_INTERVAL_S": "1"})
    ports = (f"--{name}={free_port()}" for name in ("port", "dashboard-port", "ray-client-server-port"))
    ray = (str(Path(sys.executable).parent / "ray"), "start", "--head", "--block", "--node-ip-address=127.0.0.1")
    with tempfile.TemporaryDirectory(
        prefix="ray-", ignore_cleanup_errors=True
    ) as sessions:  # a short path, for sockets
        command = watched.command([*ray, f"--temp-dir={sessions}", "--object-store-memory=100000000", *ports])
        with (folder / "head.log").open("wb") as log:
            head = subprocess.Popen(
                command, env=watched.environment, start_new_session=True, stdout=log, stderr=log, cwd=folder
            )
        try:
            _wait_for_reports(head, Path(sessions), folder / "head.log")
        finally:
            _stop(head)
    return [attempt for attempt in watched.attempts() if not attempt.endswith((*_CLOUD, _OWN_ADDRESS))]


def _wait_for_reports(head: "subprocess.Popen[bytes]", sessions: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not any(_SETTLED in log.read_text() for log in sessions.glob("session_*/logs/dashboard*.log")):
        assert time.monotonic() < deadline and head.poll() is None, log.read_text()
        time.sleep(0.5)
    time.sleep(_REPORTED_S)


def _stop(head: "subprocess.Popen[bytes]") -> None:
    """Kill the node; what it has started shares its fate."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(head.pid, signal.SIGKILL)
    head.wait(timeout=60)


@pytest.mark.ray
@pytest.mark.ci
def test_head_of_a_cluster_reports_nothing(tmp_path: Path) -> None:
    assert _attempts_of_a_head(tmp_path, MUTED_RAY) == []


@pytest.mark.ray
@pytest.mark.ci
def test_head_that_is_told_to_report_no_use_reports_that(tmp_path: Path) -> None:
    """Else the test above could not fail, and one of the two settings would do."""
    attempts = _attempts_of_a_head(tmp_path, {"RAY_USAGE_STATS_ENABLED": "0"})
    assert any("usage-stats.ray.io" in attempt for attempt in attempts), attempts
