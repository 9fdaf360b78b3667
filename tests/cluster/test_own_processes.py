"""What stands for Ray's servers here is a shell by the name of one, with two workers."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gate.control import is_alive, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked for in Linux' /proc")


_WITH_SERVERS = """
import subprocess, sys
from cluster.own_processes import kill_own_ray

command = [sys.argv[1], "-c", "sleep 60 & echo $!; sleep 60 & echo $!; echo; wait"]
with subprocess.Popen(["sleep", "60"]) as other, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as raylet:
    print(*iter(raylet.stdout.readline, "\\n"), sep="", flush=True)
    assert kill_own_ray()
    assert raylet.wait(timeout=30) == -9
    assert other.poll() is None
    other.kill()
"""


def test_servers_and_workers_are_killed_and_no_other_children(tmp_path: Path) -> None:
    shell = shutil.which("bash")
    assert shell
    shutil.copy(shell, tmp_path / "raylet")
    # This process may hold other tests' Ray.
    command = [sys.executable, "-c", _WITH_SERVERS, str(tmp_path / "raylet")]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    workers = [int(word) for word in ended.stdout.split()]
    assert len(workers) == 2
    wait_until(lambda: not any(map(is_alive, workers)), "the workers' end")


_WITH_ONE_BEING_STARTED = """
import subprocess, sys
from cluster import own_processes

command, looks, processes = [sys.argv[1], "-c", "sleep 60 & echo $!; wait"], [], own_processes._processes

def without_the_newest():
    looks.append(processes())
    return {pid: known for pid, known in looks[-1].items() if pid != worker or len(looks) > 2}

with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as raylet:
    worker = int(raylet.stdout.readline())
    print(worker, flush=True)
    own_processes._processes = without_the_newest
    assert own_processes.kill_own_ray()
"""


def test_a_worker_that_was_just_being_started_is_killed_too(tmp_path: Path) -> None:
    """It is not seen before its server has stopped; without a server it would stay for a minute."""
    shell = shutil.which("bash")
    assert shell
    shutil.copy(shell, tmp_path / "raylet")
    command = [sys.executable, "-c", _WITH_ONE_BEING_STARTED, str(tmp_path / "raylet")]
    worker = int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout)
    wait_until(lambda: not is_alive(worker), "the worker's end")


def test_without_servers_nothing_is_killed() -> None:
    script = """
import subprocess
from cluster.own_processes import kill_own_ray

with subprocess.Popen(["sleep", "60"]) as other:
    assert not kill_own_ray()
    assert other.poll() is None
    other.kill()
"""
    subprocess.run([sys.executable, "-c", script], check=True)  # this process may hold other tests' Ray
