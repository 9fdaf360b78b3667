import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.console import stop_signals
from jobs.console.exit_codes import Terminated
from jobs.console.stop_signals import StopSignals

_ROOT = Path(__file__).parents[3]
_WORK = """
import sys, time
from jobs import cli
from jobs.console.stop_signals import stop_signals

def app():
    stop_signals.install()
    try:
        print("works", flush=True)
        time.sleep(60)
    finally:
        print("cleans up", flush=True)
        time.sleep(1)
        print("is clean", flush=True)

cli.app = app
cli.main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_any_number_of_signals_ends_clean_with_the_exit_code_of_the_first(number: signal.Signals, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WORK], cwd=_ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == "works\n"
        process.send_signal(number)
        assert process.stdout.readline() == "cleans up\n"
        for later in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, number):
            process.send_signal(later)
        assert process.stdout.readline() == "is clean\n"
        assert process.stderr.read().startswith("stopped; what is finished is kept")
        assert process.wait(timeout=30) == code


def test_a_clean_up_that_hangs_is_ended_by_another_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(stop_signals.os, "_exit", ended.append)  # type: ignore[attr-defined]
    handler = StopSignals()
    with pytest.raises(Terminated):
        handler(signal.SIGHUP, None)
    handler(signal.SIGINT, None)
    assert ended == []
    monkeypatch.setattr(stop_signals, "_PATIENCE_S", -1.0)
    handler(signal.SIGINT, None)
    assert ended == [129]


def test_after_a_question_to_the_user_the_next_signal_is_a_first_one() -> None:
    handler = StopSignals()
    for _ in range(2):
        handler.expect_another()
        with pytest.raises(KeyboardInterrupt):
            handler(signal.SIGINT, None)


def test_what_nohup_ignores_stays_ignored() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        handler = StopSignals()
        handler.install()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is handler
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
