import os
import resource
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import ray

from cluster import process_limits
from cluster.errors import SessionError
from cluster.session import open_session
from tests.source_tree import ROOT

_STORE_BYTES = 128 * 1024**2


@pytest.mark.parametrize(
    ("limit", "soft", "hard", "said"),
    [
        ("NOFILE", 40, 40, r"^Expected at least 64 open files .*; the limit is 40\. Raise it: ulimit -Hn"),
        ("NOFILE", 40, 1024, None),
        ("NOFILE", 64, 64, None),
        ("FSIZE", 2_048_000, -1, r"^Expected files of more than 131,072 KB .*; the limit is 2,000 KB\. Raise it: "),
        ("FSIZE", _STORE_BYTES, _STORE_BYTES, "the limit is 131,072 KB"),
        ("FSIZE", _STORE_BYTES + 4096, _STORE_BYTES + 4096, None),
        ("FSIZE", -1, -1, None),
    ],
)
def test_a_limit_that_no_local_ray_starts_under_is_named_before_it_is_waited_for(
    limit: str, soft: int, hard: int, said: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    getrlimit, number = resource.getrlimit, getattr(resource, f"RLIMIT_{limit}")
    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard) if which == number else getrlimit(which))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    started: list[object] = []

    def start(**options: object) -> None:
        started.append(options)
        raise RuntimeError("it started")

    monkeypatch.setattr(ray, "init", start)
    with pytest.raises(SessionError, match=said or "it started"), open_session(None):
        pass
    assert bool(started) == (said is None)


_CHECK = """
import resource, sys
from cluster.process_limits import check_sufficient
_, hard = resource.getrlimit(resource.RLIMIT_NPROC)
resource.setrlimit(resource.RLIMIT_NPROC, (int(sys.argv[1]), hard))
check_sufficient(0)
"""


def _check_as_user(limit: int) -> "subprocess.CompletedProcess[str]":
    """Have a user who has no other process look at a limit of processes, as root's are not limited."""
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("needs root's right to be another user, and setpriv")
    user, given = str(40_000 + os.getpid() % 20_000), "+dac_read_search"
    as_user = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")
    command = [*as_user, f"--inh-caps={given}", f"--ambient-caps={given}", sys.executable, "-c", _CHECK, str(limit)]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)


def test_a_limit_of_a_users_processes_that_no_local_ray_starts_under_is_named() -> None:
    said = _check_as_user(100).stderr
    assert "Expected at least " in said
    assert "this user has 1 of 100. Raise the limit, which ulimit -u shows." in said
    assert _check_as_user(2_000).stderr == ""


@pytest.mark.parametrize(("user", "rights", "said"), [(4_000, 0, "7 of 20"), (4_000, 1 << 24, None), (0, 0, None)])
def test_a_limit_of_processes_that_the_system_does_not_heed_is_let_be(
    user: int, rights: int, said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    getrlimit = resource.getrlimit
    few = (20, 20)
    monkeypatch.setattr(
        resource, "getrlimit", lambda which: few if which == resource.RLIMIT_NPROC else getrlimit(which)
    )
    monkeypatch.setattr(os, "getuid", lambda: user)
    monkeypatch.setattr(process_limits, "_PROCESSES", tmp_path)
    statuses = {
        "self": f"CapEff:\t{rights:016x}",
        "7": "Uid:\t4000\t0\nThreads:\t7",
        "8": "Uid:\t0\t4000\nThreads:\t90",
    }
    for process, status in statuses.items():
        (tmp_path / process).mkdir()
        (tmp_path / process / "status").write_text(f"Name:\tx: y\n{status}\n")
    (tmp_path / "9").mkdir()  # it has ended
    with pytest.raises(SessionError, match=f"this user has {said}") if said else nullcontext():
        process_limits.check_sufficient(0)


@pytest.mark.parametrize(("num_cores", "wanted"), [(1, 139), (2, 150), (16, 304), (128, 304)])
def test_threads_that_a_local_ray_needs_go_by_cores(
    num_cores: int, wanted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(num_cores)))
    groups, own = tmp_path / "cgroup", tmp_path / "own"
    monkeypatch.setattr(process_limits, "_GROUPS", groups)
    monkeypatch.setattr(process_limits, "_OWN_GROUPS", own)
    group = groups / "pids" / "pods" / "7"
    group.mkdir(parents=True)
    (group / "pids.max").write_text("max\n")
    (group / "pids.current").write_text("12\n")
    (group.parent / "pids.current").write_text("15\n")
    for line in ("8:pids:/pods/7", "8:pids:/pods", "8:pids:/pods/seen/from/the/host"):
        own.write_text(f"9:name=systemd:/a:b\n{line}\n0::/\n")
        (group.parent / "pids.max").write_text(f"{15 + wanted}\n")
        process_limits.check_sufficient(0)
        (group.parent / "pids.max").write_text(f"{14 + wanted}\n")
        with pytest.raises(
            SessionError, match=rf"^Expected at least {wanted} .* has 15 of {14 + wanted}\. Raise .*pods/pids\.max"
        ):
            process_limits.check_sufficient(0)


def test_a_group_of_version_2_counts_and_one_that_cannot_be_read_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_limits, "_GROUPS", tmp_path)
    monkeypatch.setattr(process_limits, "_OWN_GROUPS", tmp_path / "none")
    (tmp_path / "pids.max").write_text("20\n")
    process_limits.check_sufficient(0)
    monkeypatch.setattr(process_limits, "_OWN_GROUPS", tmp_path / "own")
    (tmp_path / "own").write_text("0::/\n")
    process_limits.check_sufficient(0)
    (tmp_path / "pids.current").write_text("7\n")
    with pytest.raises(SessionError, match=r"this container or control group has 7 of 20\. Raise .*/pids\.max"):
        process_limits.check_sufficient(0)
