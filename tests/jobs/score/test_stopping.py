"""`score` stopped from its first moment on, and `score` whose output nobody reads: exit codes, and what is left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scoring.run.folder import RunFolder
from scoring.run.verification import run_status
from tests.gate.control import Gate
from tests.source_tree import ROOT

_STOPS = [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
_PROMISED_S = 3.0
_BUSY = 5  # times as long may it take on a machine that does other work

# The real command, whose Ray never comes up: it says so and stays in compiled code, which heeds no signals.
_WHILE_RAY_STARTS = """
import hashlib, sys
from cluster import session
from jobs.entry import main

def start(options):
    print("starting", file=sys.stderr, flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)

session.start_local = start
main()
"""

# The real driver, whose only worker is its own process: see tests/chaos/without_ray.py.
_WITHOUT_RAY = """
import sys
from pathlib import Path
from jobs.console.exit_codes import exit_codes
from jobs.console.stop_signals import stop_signals
from jobs.console.terminal import Terminal
from tests.chaos.without_ray import score_here

with exit_codes():
    stop_signals.install()
    score_here(Path(sys.argv[1]), Path(sys.argv[2]), Terminal())
"""


def _stop(process: subprocess.Popen[str], number: signal.Signals, again: bool = False) -> tuple[int, str]:
    """Send a signal once or twice; return the exit code and what else was said."""
    process.send_signal(number)
    stopped = time.monotonic()
    if again:
        process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - stopped < _BUSY * _PROMISED_S
    return process.returncode, said


def _start(*arguments: object, **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, *(str(argument) for argument in arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=pipe, stderr=pipe, text=True)


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize(("number", "code"), _STOPS)
def test_a_signal_while_python_imports_ends_the_command_with_its_exit_code(
    tmp_path: Path, number: signal.Signals, code: int, again: bool
) -> None:
    """The first library that is imported takes a minute here, in steps: one sleep may begin just behind the signal."""
    (tmp_path / "typer.py").write_text(
        "import time; print('importing', flush=True)\nfor _ in range(600): time.sleep(0.1)"
    )
    with _start("-m", "jobs", "score", "--images", tmp_path, PYTHONPATH=str(tmp_path)) as process:
        assert process.stdout
        assert process.stdout.readline() == "importing\n"
        assert _stop(process, number, again) == (code, "")


@pytest.mark.parametrize(("number", "code"), _STOPS)
def test_a_signal_while_ray_starts_leaves_no_lease_and_no_traceback(
    photos: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    options = ("--images", photos, "--output", tmp_path / "run", "--weights", "random")
    with _start("-c", _WHILE_RAY_STARTS, "score", *options, RAY_ADDRESS="") as process:
        assert process.stderr
        assert process.stderr.readline() == "starting\n"
        assert (tmp_path / "run" / "lease.json").exists()
        returned, said = _stop(process, number, again=True)
    assert (returned, said) == (code, "stopped; what is finished is kept: run the same command again to go on\n")
    assert not (tmp_path / "run" / "lease.json").exists()


def test_a_signal_in_the_middle_keeps_what_is_finished(photos: Path, tmp_path: Path) -> None:
    gate, folder = Gate(tmp_path / "gate"), RunFolder(tmp_path / "run")
    gate.close("shard-*.parquet", 1)
    with _start("-c", _WITHOUT_RAY, photos, folder.path, **gate.environment) as process:
        gate.wait_until_held(process)
        returned, said = _stop(process, signal.SIGHUP, again=True)
    assert (returned, said) == (129, "stopped; what is finished is kept: run the same command again to go on\n")
    assert not folder.lease.exists()
    assert run_status(folder, verify=True).done == [0]
    gate.open()
    with _start("-c", _WITHOUT_RAY, photos, folder.path) as process:
        assert "12 of 12 (8 scored now)" in process.communicate(timeout=60)[0]


def test_a_job_whose_reader_has_gone_is_finished(photos: Path, tmp_path: Path) -> None:
    """`| head -1`: the reader leaves after the first line, while a shard is held."""
    gate, folder = Gate(tmp_path / "gate"), RunFolder(tmp_path / "run")
    gate.close("shard-*.parquet", 1)
    with _start("-c", _TALKATIVE + _WITHOUT_RAY, photos, folder.path, **gate.environment) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == "begins\n"
        gate.wait_until_held(process)
        process.stdout.close()
        gate.open()
        assert process.stderr.read() == ""
        assert process.wait(timeout=60) == 0
    assert run_status(folder, verify=True).is_complete


_TALKATIVE = 'print("begins", flush=True)\n'


def test_a_job_whose_log_is_full_is_finished(photos: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _WITHOUT_RAY, str(photos), str(tmp_path / "run")]
    with open("/dev/full", "w") as full:
        ended = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert run_status(RunFolder(tmp_path / "run"), verify=True).is_complete
