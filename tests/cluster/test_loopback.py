import errno
import os
import shutil
import socket
import subprocess
import sys
from unittest.mock import Mock

import pytest
import ray

from cluster import loopback
from cluster.errors import SessionError
from cluster.session import open_session
from tests.faults import system_fault
from tests.source_tree import ROOT

_EXPECTED = r"^Expected 127\.0\.0\.1 to take connections, as the processes of a local Ray talk there: "
_IP = shutil.which("ip")
_CHECK = (sys.executable, "-c", "from cluster.loopback import check_usable; check_usable()")


@pytest.mark.parametrize(
    ("function", "fault", "reason"),
    [
        ("create_server", system_fault(errno.EADDRNOTAVAIL), "Cannot assign requested address"),
        ("create_connection", system_fault(errno.ENETUNREACH), "Network is unreachable"),
        ("create_connection", TimeoutError("timed out"), "timed out"),
    ],
)
def test_a_machine_without_an_own_address_is_named_before_ray_starts(
    function: str, fault: OSError, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray, "init", lambda **options: pytest.fail("it started"))
    monkeypatch.setattr(socket, function, Mock(side_effect=fault))
    with pytest.raises(SessionError, match=rf"{_EXPECTED}{reason}\. .*ip link set lo up"), open_session(None):
        pass


def test_the_address_of_a_machine_as_they_are_is_usable() -> None:
    loopback.check_usable()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="makes a network of its own")
@pytest.mark.parametrize(
    ("given", "is_usable"),
    [
        ("true", False),
        pytest.param(f"{_IP} link set lo up", True, marks=pytest.mark.skipif(not _IP, reason="needs ip")),
        pytest.param(
            f"{_IP} link set lo up && {_IP} address del 127.0.0.1/8 dev lo",
            False,
            marks=pytest.mark.skipif(not _IP, reason="needs ip"),
        ),
    ],
)
def test_a_network_without_a_usable_lo_is_told_at_once(given: str, is_usable: bool) -> None:
    command = ["unshare", "--net", "sh", "-c", f'{given} && exec "$@"', "sh", *_CHECK]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    if "unshare" in ended.stderr:
        pytest.skip("this container may make no network")
    assert (ended.returncode == 0) == is_usable, ended.stderr
    assert ("Expected 127.0.0.1 to take connections" in ended.stderr) != is_usable
