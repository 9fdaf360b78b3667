"""Commands whose every attempt to leave this machine is seen: by Python, and in compiled code by strace."""

import contextlib
import ipaddress
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parents[1]
# Python imports this module in every process before anything else: it notes and refuses what leaves the machine.
_WATCH = """
import os, socket, sys

_NAMES = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyname_ex", "socket.gethostbyaddr"}
_SENDING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_HERE = {"localhost", "::1", "0.0.0.0", "::", "", None, *os.environ["OWN_NAMES"].split()}

def _watch(event, arguments):
    if event in _NAMES:
        place = arguments[0]
    elif event in _SENDING and arguments[0].family in (socket.AF_INET, socket.AF_INET6) and arguments[1]:
        place = arguments[1][0]
    else:
        return
    place = place.decode() if isinstance(place, bytes) else place
    if place not in _HERE and not place.startswith("127."):
        with open(os.environ["WATCHED"], "a") as file:
            file.write(f"{event} {place}\\n")
        raise OSError("this process is watched")

sys.addaudithook(_watch)
"""
_SIGNS_OF_TESTS = (
    *("CI", "TF_BUILD", "JENKINS_URL", "NNCF_CI", "NNCF_DEV", "PYTEST_CURRENT_TEST", "PYTEST_VERSION"),
    *("HF_HUB_DISABLE_TELEMETRY", "RAY_USAGE_STATS_ENABLED"),
)
_SYSTEM_CALLS = "trace=connect,sendto,sendmsg,sendmmsg"
_CALLED = re.compile(r"(connect|sendto|sendmsg|sendmmsg)\((.*)")
_ADDRESS = re.compile(r'sin_addr=inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')
_PORT = re.compile(r"sin6?_port=htons\((\d+)\)")
_DNS_PORT = 53  # a resolver may be on loopback, and asks others


def can_trace() -> bool:
    """Whether strace is here and may watch processes."""
    strace = shutil.which("strace")
    return bool(strace) and not subprocess.run([str(strace), "-o", os.devnull, "true"], capture_output=True).returncode


class Watched:
    """Runs commands in an empty home, with nothing in their environment that libraries take for a test.

    Args:
        folder: Where all of it is kept.
        variables: What is in their environment beside this process' own.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str] | None = None) -> None:
        self.home, self.work = folder / "home", folder / "work"
        for path in (self.home, self.work, folder / "watch"):
            path.mkdir()
        (folder / "watch" / "sitecustomize.py").write_text(_WATCH)
        self._seen, self._traced = folder / "seen.txt", folder / "traced.txt"
        kept = {name: value for name, value in os.environ.items() if name not in _SIGNS_OF_TESTS}
        own = {
            "HOME": str(self.home),
            "KERAS_HOME": str(self.home / ".keras"),
            "PYTHONPATH": f"{folder / 'watch'}:{_ROOT}",
            "WATCHED": str(self._seen),
            "OWN_NAMES": " ".join(_own_names()),
            "KERAS_BACKEND": "tensorflow",
        }
        self.environment = {**kept, **own, **(variables or {})}

    def command(self, words: Sequence[str]) -> list[str]:
        """What runs these words and watches them, their children too."""
        trace = ["strace", "-f", "-qq", "--seccomp-bpf", "-s", "0", "-e", _SYSTEM_CALLS, "-o", str(self._traced)]
        return [*(trace if can_trace() else []), *words]

    def run(self, words: Sequence[str]) -> list[str]:
        """Run a command to its end, which has to be a good one; return what it and its children tried to reach."""
        ended = subprocess.run(self.command(words), cwd=self.work, env=self.environment, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr[-2000:]
        return self.attempts()

    def attempts(self) -> list[str]:
        """What was tried to be reached so far."""
        seen = self._seen.read_text().splitlines() if self._seen.exists() else []
        traced = self._traced.read_text().splitlines() if self._traced.exists() else []
        return [*seen, *filter(None, map(_place_away, traced))]


@cache
def _own_names() -> frozenset[str]:
    """This machine's name and addresses: what is sent to them stays on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out, contextlib.suppress(OSError):
        out.connect(("203.0.113.1", 1))  # nobody's (RFC 5737), and UDP sends nothing by this
        return frozenset({socket.gethostname(), out.getsockname()[0]})
    return frozenset({socket.gethostname()})


def _place_away(line: str) -> str | None:
    """Where a system call sends to; None if it stays on this machine."""
    called, address, port = _CALLED.search(line), _ADDRESS.search(line), _PORT.search(line)
    if not called or not address:
        return None
    there = ipaddress.ip_address(address[1] or address[2])
    there = getattr(there, "ipv4_mapped", None) or there
    is_here = there.is_loopback or there.is_unspecified or str(there) in _own_names()
    asks_for_a_name = port is not None and int(port[1]) == _DNS_PORT
    return f"{called[1]} {there}" if asks_for_a_name or not is_here else None
