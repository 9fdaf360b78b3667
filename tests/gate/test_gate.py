"""The gate itself: it holds real writers, lets as many through as it says, and knows who waits and who has died."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gate.control import Gate
from tests.source_tree import ROOT

_WRITE = "import sys; from pathlib import Path; from scoring.storage.durable import write_text; "
_WRITE_ALL = _WRITE + "[write_text(Path(name), 'x') for name in sys.argv[1:]]"


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


@pytest.fixture
def writer(gate: Gate, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that writes five shards, one after the other, where the gate holds the third."""
    gate.close("shard-*", 2)
    names = [str(tmp_path / f"shard-{number}") for number in range(5)]
    command = [sys.executable, "-c", _WRITE_ALL, *names]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **gate.environment}) as process:
        yield process
        process.kill()


def _written(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.glob("shard-*"))


def test_writers_are_held_where_the_limit_is_reached_and_go_on_when_the_gate_opens(
    gate: Gate, writer: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    gate.wait_until_held(writer)
    assert _written(tmp_path) == ["shard-0", "shard-1"]
    assert writer.poll() is None
    gate.open()
    assert writer.wait(timeout=30) == 0
    assert len(_written(tmp_path)) == 5


def test_the_death_of_those_who_wait_is_noticed(gate: Gate, writer: subprocess.Popen[bytes], tmp_path: Path) -> None:
    gate.wait_until_held(writer)
    writer.kill()
    gate.wait_until_the_held_are_dead()
    assert _written(tmp_path) == ["shard-0", "shard-1"]


def test_files_of_other_names_pass_a_closed_gate(gate: Gate, tmp_path: Path) -> None:
    gate.close("shard-*", 0)
    command = [sys.executable, "-c", _WRITE_ALL, str(tmp_path / "run.json")]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **gate.environment}, check=True, timeout=30)
    assert (tmp_path / "run.json").read_text() == "x"
