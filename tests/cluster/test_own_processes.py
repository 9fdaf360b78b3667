"""What stands for Ray's servers here is a shell by the name of one, with two workers."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.own_processes import kill_own_ray
from tests.gate.control import is_alive, wait_until

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked for in Linux' /proc")


@pytest.fixture
def raylet(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    shell = shutil.which("bash")
    assert shell
    shutil.copy(shell, tmp_path / "raylet")
    command = [str(tmp_path / "raylet"), "-c", "sleep 60 & echo $!; sleep 60 & echo $!; wait"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_servers_and_workers_are_killed_and_no_other_children(raylet: subprocess.Popen[str]) -> None:
    assert raylet.stdout
    workers = [int(raylet.stdout.readline()) for _ in range(2)]
    with subprocess.Popen(["sleep", "60"]) as other:
        assert kill_own_ray()
        assert raylet.wait(timeout=30) == -9
        wait_until(lambda: not any(map(is_alive, workers)), "the workers' end")
        assert other.poll() is None
        other.kill()


def test_without_servers_nothing_is_killed() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        assert not kill_own_ray()
        assert other.poll() is None
        other.kill()
