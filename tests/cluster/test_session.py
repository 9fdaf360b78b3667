import errno
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
import ray

from cluster import own_ray, private_ray, session
from cluster.errors import ClusterError, PlacementError, SessionError
from cluster.session import open_session


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_a_session_that_is_open_is_used_and_left_open() -> None:
    with open_session(None):
        assert len(ray.nodes()) == 2  # type: ignore[no-untyped-call]
    assert ray.is_initialized()


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray is open here, whatever other tests have left, nor is one shut down."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)


def test_a_dashboards_address_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    with (
        pytest.raises(PlacementError, match=r"http://127\.0\.0\.1:8265 is a dashboard's\. .* submit a job"),
        open_session(None),
    ):
        pass


@pytest.mark.usefixtures("no_ray")
@pytest.mark.parametrize(
    ("address", "variable"), [(None, "local"), ("local", None), ("local", "head:6379"), (None, None)]
)
def test_local_as_an_address_is_the_same_as_none(
    address: str | None, variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, Any]] = []
    monkeypatch.setattr(session, "start_local", started.append)
    monkeypatch.setattr(ray, "init", lambda **options: pytest.fail(f"joined {options}"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if variable:
        monkeypatch.setenv("RAY_ADDRESS", variable)
    with open_session(address):
        pass
    assert [options["include_dashboard"] for options in started] == [False]


@pytest.mark.parametrize(
    "address",
    [
        "ray://user:PASSWORD@127.0.0.1:9",
        "ray://user:PASSWORD/x@127.0.0.1:9",
        "user:PASSWORD@127.0.0.1:9",
        "http://user:PASSWORD@127.0.0.1:9",
    ],
)
@pytest.mark.usefixtures("no_ray")
def test_a_password_in_an_address_is_in_no_message(address: str) -> None:
    with pytest.raises(ClusterError) as raised, open_session(address):
        pass
    assert "PASSWORD" not in str(raised.value)
    assert "127.0.0.1:9" in str(raised.value)


def test_an_address_that_does_not_answer_shuts_nothing_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: pytest.fail("a Ray was shut down that was not begun"))
    with (
        pytest.raises(SessionError, match=r"Cannot reach the Ray cluster at 127\.0\.0\.1:9"),
        open_session("127.0.0.1:9"),
    ):
        pass


@pytest.mark.parametrize(
    ("error", "is_told"),
    [
        (ConnectionError("Failed to connect to Ray cluster at HEAD"), True),
        (ConnectionError("Starting Ray client server failed. See ray_client_server_23000.err"), False),
        (RuntimeError("Version mismatch"), False),
    ],
)
@pytest.mark.usefixtures("no_ray")
def test_an_address_that_answers_and_lets_nobody_in_is_told_with_where_the_token_is_read(
    error: Exception, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray, "init", Mock(side_effect=error))
    monkeypatch.setattr(session, "check_answers", lambda address: True)
    with (
        pytest.raises(SessionError, match=f"Cannot reach .*127.0.0.1:9: {error}") as told,
        open_session("127.0.0.1:9"),
    ):
        pass
    assert ("Perhaps it asks for a token" in str(told.value)) == is_told
    assert ("RAY_AUTH_MODE is token" in str(told.value)) == is_told
    assert ("ray://HEAD:10001" in str(told.value)) == is_told


@pytest.mark.parametrize(
    ("error", "is_told"),
    [
        (OSError(errno.EROFS, "Read-only file system", "/tmp/ray"), True),
        (OSError("validate_socket_filename failed: AF_UNIX path length cannot exceed 107 bytes: /long"), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), False),
        (ValueError("no room"), False),
    ],
)
@pytest.mark.usefixtures("no_ray")
def test_a_local_ray_that_cannot_write_its_files_is_told_with_what_says_where_they_lie(
    error: Exception, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "start_local", Mock(side_effect=error))
    with pytest.raises(SessionError, match="Cannot reach a local Ray: ") as told, open_session("local"):
        pass
    assert ("set RAY_TMPDIR to one of a short path" in str(told.value)) == is_told


@pytest.mark.usefixtures("no_ray")
def test_an_address_of_a_scheme_alone_is_refused_and_a_blank_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "init", lambda **options: pytest.fail(f"joined {options}"))
    with pytest.raises(PlacementError, match=r"or ray://HEAD:10001; received ray://\."), open_session("ray://"):
        pass
    started = Mock()
    monkeypatch.setattr(session, "start_local", started)
    for option, variable in (("\t", "  "), (None, " ")):
        monkeypatch.setenv("RAY_ADDRESS", variable)
        with open_session(option):
            pass
    assert started.call_count == 2


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
def test_another_address_than_that_of_the_open_ray_is_refused() -> None:
    open_at = ray.get_runtime_context().gcs_address
    for address in ("", open_at, f"localhost:{open_at.rpartition(':')[2]}", "local", "auto"):
        with open_session(address):
            pass
    for address in ("10.0.0.1:1", "127.0.0.1:1", f"u:PASSWORD@10.0.0.1:{open_at.rpartition(':')[2]}", "ray://h:10001"):
        with (
            pytest.raises(PlacementError, match=f"process has open, {open_at}.*received") as raised,
            open_session(address),
        ):
            pass
        assert "PASSWORD" not in str(raised.value)


def test_another_ray_client_than_the_open_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(gcs_address="10.0.0.1:6379"))
    monkeypatch.setattr(session, "_is_client", lambda: True)
    monkeypatch.setattr(private_ray, "clients_address", lambda: "127.0.0.1:10001")
    for address in ("ray://127.0.0.1:10001", "ray://localhost:10001", "ray://127.0.0.1", "10.0.0.1:6379"):
        with open_session(address):
            pass
    for address in ("ray://127.0.0.1:9999", "ray://u:PASSWORD@10.0.0.2:10001"):
        open_at = "process has open, ray://127.0.0.1:10001, as .* received ray://1"
        with pytest.raises(PlacementError, match=open_at) as raised, open_session(address):
            pass
        assert "PASSWORD" not in str(raised.value)
    monkeypatch.setattr(private_ray, "clients_address", lambda: None)
    with open_session("ray://127.0.0.1:9999"):  # a Ray that does not tell
        pass


@pytest.mark.usefixtures("no_ray")
def test_a_failure_that_says_nothing_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "start_local", Mock(side_effect=AssertionError))
    with pytest.raises(SessionError, match=r"^Cannot reach a local Ray: AssertionError$"), open_session("local"):
        pass


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a Ray that is pretended was told to do."""
    log: list[str] = []

    def connect(address: str | None) -> None:
        time.sleep(0.1)
        log.append("started")

    monkeypatch.setattr(session, "_connect", connect)
    monkeypatch.setattr(ray, "is_initialized", lambda: log[-1:] == ["started"])
    monkeypatch.setattr(ray, "shutdown", lambda: log.append("shut down"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return log


def test_sessions_of_threads_that_begin_together_share_one_ray_until_the_last_ends(log: list[str]) -> None:
    both = threading.Barrier(2)

    def work(number: int) -> list[str]:
        with open_session(None):
            both.wait(10)
            if number:
                first.result(10)
            return [*log]

    with ThreadPoolExecutor(2) as threads:
        first, last = (threads.submit(work, number) for number in (0, 1))
    assert last.result() == ["started"], "the first to end has left it open"
    assert log == ["started", "shut down"]


def test_a_session_begins_a_ray_of_its_own_where_the_ones_before_have_ended_or_failed(
    log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_session(None):
        ray.shutdown()  # by a hand other than ours
        with open_session(None):
            assert ray.is_initialized()
        assert not ray.is_initialized()
    connect = session._connect
    monkeypatch.setattr(session, "_connect", lambda address: 1 / 0)
    with pytest.raises(SessionError, match="division"), open_session(None):
        pass
    monkeypatch.setattr(session, "_connect", connect)
    with open_session(None):
        assert ray.is_initialized()
    assert log[-1] == "shut down"


_AGENTS = Exception("The current node timed out during startup. This could happen because")  # no other class is Ray's
_HEAD = TimeoutError("Timed out waiting for file /tmp/ray/session/gcs_server_port")


@pytest.mark.parametrize(
    ("address", "num_slow", "expected", "error"),
    [(None, 1, 2, _AGENTS), (None, 1, 2, _HEAD), (None, 9, 3, _AGENTS), ("head:6379", 9, 1, _AGENTS)],
)
def test_a_local_ray_that_does_not_start_in_time_is_started_again(
    log: list[str],
    monkeypatch: pytest.MonkeyPatch,
    address: str | None,
    num_slow: int,
    expected: int,
    error: Exception,
    recwarn: pytest.WarningsRecorder,
) -> None:
    tried, connect = list[str | None](), session._connect
    advice = "" if address else " Run it again when less is at work on this machine."

    def start(address: str | None) -> None:
        tried.append(address)
        if len(tried) <= num_slow:
            raise error
        connect(address)

    monkeypatch.setattr(session, "_connect", start)
    monkeypatch.setattr(session, "check_answers", lambda address: False)
    monkeypatch.setattr(session, "kill_own_ray", lambda: log.append("killed"))
    with (
        nullcontext() if num_slow < expected else pytest.raises(SessionError, match=f"{error}{advice}$"),
        open_session(address),
    ):
        assert ray.is_initialized()
    assert tried == [address] * expected
    assert log[: expected - 1] == ["killed"] * (expected - 1)
    assert len(recwarn) == expected - 1
    assert all("it is started once more" in str(warned.message) for warned in recwarn)


def test_two_clusters_at_once_are_refused(log: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "get_runtime_context", lambda: SimpleNamespace(gcs_address="10.0.0.1:6379"))
    monkeypatch.setattr(session, "check_answers", lambda address: False)
    with open_session("head:6379"):
        with open_session("head:6379"):
            pass
        with (
            pytest.raises(PlacementError, match=r"process has open, 10\.0\.0\.1:6379, .* received local"),
            open_session(None),
        ):
            pass
    assert log == ["started", "shut down"]


class _Stopped(BaseException):
    """What our handler raises."""


@pytest.fixture
def ours(no_ray: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Our handler of SIGTERM, where Ray does not run."""

    def raise_stopped(number: int, frame: object) -> None:
        raise _Stopped

    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    before = signal.signal(signal.SIGTERM, raise_stopped)
    yield raise_stopped
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("fault", [None, RuntimeError("no room")], ids=["well", "badly"])
def test_rays_alarm_is_off_and_our_handler_in_place_however_its_start_ends(
    fault: Exception | None, ours: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(address: str | None) -> None:
        signal.alarm(60)  # what Ray's own handler does
        if fault:
            raise fault

    monkeypatch.setattr(session, "_connect", connect)
    with pytest.raises(SessionError, match="no room") if fault else nullcontext(), open_session(None):
        pass
    assert signal.getsignal(signal.SIGTERM) is ours
    assert signal.alarm(0) == 0


@pytest.fixture
def alarms(ours: object) -> Iterator[list[int]]:
    """The alarms of a caller that have gone off; each raises."""
    heard: list[int] = []

    def raise_late(number: int, frame: object) -> None:
        heard.append(number)
        raise TimeoutError("the caller's own limit")

    before = signal.signal(signal.SIGALRM, raise_late)
    yield heard
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("rays", [0, 60], ids=["Ray sets none", "Ray sets one"])
def test_a_callers_own_alarm_goes_on_through_rays_start(
    rays: int, alarms: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_connect", lambda address: signal.alarm(rays) if rays else None)
    signal.setitimer(signal.ITIMER_REAL, 30, 7)
    with open_session(None):
        left_s, interval_s = signal.getitimer(signal.ITIMER_REAL)
    assert 25 < left_s < 30
    assert interval_s == 7
    assert not alarms


def test_what_a_callers_handler_raises_while_ray_starts_is_raised_as_it_is(
    alarms: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_connect", lambda address: time.sleep(0.5))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    with pytest.raises(TimeoutError, match="own limit"), open_session(None):
        pass
    assert len(alarms) == 1


def test_rays_debugger_and_level_of_logs_are_gone_with_it(ours: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**options: Any) -> None:
        os.environ["PYTHONBREAKPOINT"] = "ray.util.rpdb._driver_set_trace"
        logging.getLogger("ray").setLevel(options["logging_level"])

    monkeypatch.delenv("PYTHONBREAKPOINT", raising=False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(session, "check_answers", lambda address: True)
    level = logging.getLogger("ray").level
    with open_session("127.0.0.1:6379"):
        assert logging.getLogger("ray").level == logging.ERROR
        assert "PYTHONBREAKPOINT" not in os.environ
    assert logging.getLogger("ray").level == level


@pytest.mark.usefixtures("ours")
def test_a_signal_that_ends_the_process_does_not_wait_for_rays_start(monkeypatch: pytest.MonkeyPatch) -> None:
    goes_on = threading.Event()
    killed: list[bool] = []

    def kill() -> bool:
        killed.append(not goes_on.is_set())
        return False

    def connect(address: str | None) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        goes_on.wait()

    monkeypatch.setattr(session, "_connect", connect)
    monkeypatch.setattr(own_ray, "kill_own_ray", kill)
    with pytest.raises(_Stopped), open_session(None, is_ending=lambda: True):
        pass
    goes_on.set()
    assert killed == [True]


@pytest.mark.usefixtures("ours")
def test_an_interrupt_in_a_notebook_waits_for_rays_start_and_shuts_it_down(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def connect(address: str | None) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.5)
        done.append("started")

    monkeypatch.setattr(session, "_connect", connect)
    monkeypatch.setattr(ray, "shutdown", lambda: done.append("shut down"))
    with pytest.raises(_Stopped), open_session(None):
        pass
    assert done == ["started", "shut down"]


class _Interrupted:
    """Ray's shutdown, for as long as signals come."""

    def __init__(self, log: list[str], num_signals: int) -> None:
        self._log, self._num_signals, self.has_begun = log, num_signals, threading.Event()

    def __call__(self) -> None:
        self.has_begun.set()
        for _ in range(self._num_signals):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.3)
        self._log.append("shut down")


@pytest.mark.usefixtures("ours")
def test_a_signal_in_the_middle_of_rays_own_end_kills_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[str] = []
    monkeypatch.setattr(session, "_connect", lambda address: None)
    monkeypatch.setattr(own_ray, "kill_own_ray", lambda: killed.append("killed"))
    monkeypatch.setattr(ray, "shutdown", _Interrupted(killed, num_signals=1))
    with pytest.raises(_Stopped), open_session(None):
        pass
    assert killed == ["shut down", "killed"], "a Ray whose servers die while it is left ends this process"


@pytest.mark.usefixtures("ours")
def test_a_signal_that_ends_the_process_does_not_wait_for_rays_own_end(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[str] = []
    shut_down = _Interrupted(killed, num_signals=1)
    monkeypatch.setattr(session, "_connect", lambda address: None)
    monkeypatch.setattr(own_ray, "kill_own_ray", lambda: killed.append("killed"))
    monkeypatch.setattr(ray, "shutdown", shut_down)
    with pytest.raises(_Stopped), open_session(None, is_ending=shut_down.has_begun.is_set):
        pass
    assert killed == ["killed"]


@pytest.mark.usefixtures("ours")
@pytest.mark.parametrize("num_signals", [1, 2, 3])
def test_after_signals_while_ray_is_left_the_next_session_begins_when_that_is_over(
    num_signals: int, log: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_ray, "kill_own_ray", lambda: True)
    monkeypatch.setattr(ray, "shutdown", _Interrupted(log, num_signals))
    level = logging.getLogger("ray").level
    with pytest.raises(_Stopped), open_session(None):
        logging.getLogger("ray").setLevel(logging.ERROR)
    for _ in range(num_signals - 2):  # the second came while it was waited for, the others when another was to begin
        with pytest.raises(_Stopped), open_session(None):
            pass
    monkeypatch.setattr(ray, "shutdown", lambda: log.append("shut down"))
    with open_session(None):
        assert log == ["started", "shut down", "started"]
        assert logging.getLogger("ray").level == level
    assert log[3:] == ["shut down"]


_LOOK_AT_SOCKETS = """
import os, re, signal
from pathlib import Path
import ray
from cluster.session import open_session

def inodes():
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(os.getpid()) in (process / "environ").read_text() or process.name == str(os.getpid()):
                yield from (os.readlink(link) for link in (process / "fd").iterdir())
        except OSError:
            continue

def processes():
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.environ["SHARDSCORE_TEST_MARK"] in (process / "environ").read_text():
                yield (process / "cmdline").read_text()
        except OSError:
            continue

def handled_signals():
    return int(re.search("SigCgt:\\s*(\\w+)", Path("/proc/self/status").read_text())[1], 16)

before = handled_signals()
os.environ["SHARDSCORE_TEST_MARK"] = str(os.getpid())  # Ray's processes inherit it, and are known by it
with open_session(None):
    ours = {match.group(1) for link in inodes() if (match := re.fullmatch(r"socket:\\[(\\d+)\\]", link))}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *rest = line.split()
            if state == "0A" and rest[5] in ours:
                print(local.split(":")[0])
    started = " ".join(processes())
    tasks = ray.remote(lambda: os.getpriority(os.PRIO_PROCESS, 0))
    new = handled_signals() & ~before
    print("niceness", ray.get(tasks.remote()) - os.getpriority(os.PRIO_PROCESS, 0))
    session = Path(ray.get_runtime_context().get_temp_dir(), ray.get_runtime_context().get_session_name())
    print("sockets", (session / "sockets").is_dir(), "open to others", bool(session.stat().st_mode & 0o077))
print("left out", not any(name in started for name in ("dashboard.py", "monitor.py")) and "raylet" in started)
print("token in the home", (Path.home() / ".ray").exists())
print("handlers of crashes", bool(new >> (signal.SIGTRAP - 1) & 1))  # faulthandler has none of SIGTRAP
"""


_IN_FORKS = """
import os
import ray
from cluster import session
from cluster.errors import SessionError

def open_twice():
    try:
        for _ in range(2):
            with session.open_session(None):
                pass
        return "opened"
    except SessionError as error:
        return str(error)

def in_a_fork():
    end, start = os.pipe()
    if not os.fork():
        os.write(start, open_twice().encode())
        os._exit(0)
    os.wait()
    return os.read(end, 1000).decode()

is_open = []
session.start_local = is_open.append
ray.is_initialized, ray.shutdown = lambda: bool(is_open), is_open.clear
print("of one without Ray:", in_a_fork())
is_open.append("by the user")
print("of one with Ray:", in_a_fork())
is_open.clear()
print("of one without Ray again:", in_a_fork())
print("itself:", open_twice())
print("of one that had Ray:", in_a_fork())
"""
_REFUSED = (
    "Expected a process that Ray can work in; this one was forked from one that has or had Ray open. Start it with "
)


def _without(prefix: str) -> dict[str, str]:
    """This process's environment without the variables that begin so."""
    return {name: value for name, value in os.environ.items() if not name.startswith(prefix)}


def _run_alone(
    program: str, environment: Mapping[str, str], *options: str, timeout_s: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program of this file in a Python of its own, which must end well."""
    return subprocess.run(
        [sys.executable, *options, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env=environment,
        timeout=timeout_s,
    )


def test_a_fork_of_a_process_that_has_or_had_ray_is_refused_and_no_other() -> None:
    ended = _run_alone(_IN_FORKS, _without("RAY_ADDRESS"), "-W", "ignore:This process:DeprecationWarning", timeout_s=60)
    told = dict(line.split(": ", 1) for line in ended.stdout.splitlines())
    refused = {where for where, said in told.items() if said.startswith(_REFUSED) and "spawn" in said}
    assert refused == {"of one with Ray", "of one that had Ray"}
    assert {said for where, said in told.items() if where not in refused} == {"opened"}


def _open() -> str:
    try:
        with open_session(None):
            return "opened"
    except SessionError as error:
        return str(error)


@pytest.mark.ray
@pytest.mark.usefixtures("two_nodes")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_of_a_process_with_a_real_ray_is_refused_and_so_is_one_that_had_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_open).get(60).startswith(_REFUSED)
    assert _open() == "opened"
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    assert private_ray.was_begun(), "what is left of a Ray that the user has shut down"


_IN_TWO_THREADS = """
from concurrent.futures import ThreadPoolExecutor
import ray
from cluster.session import open_session

def work(number):
    with open_session(None):
        if number:
            first.result()
        return ray.get(ray.remote(lambda: number).remote())

with ThreadPoolExecutor(2) as threads:
    first, last = threads.submit(work, 0), threads.submit(work, 1)
print(first.result(), last.result(), ray.is_initialized())
"""


@pytest.mark.ci
@pytest.mark.ray
def test_a_local_ray_starts_where_python_is_told_to_leave_docstrings_out_to_warn_by_errors_or_to_trace_memory() -> None:
    program = "import os, sys, ray; from cluster.session import open_session\nwith open_session(None): " + (
        "print(ray.get(ray.remote(lambda: (sys.flags.optimize, sys.warnoptions)).remote()), sys.flags.optimize, "
        "[os.environ[f'PYTHON{name}'] for name in ('OPTIMIZE', 'WARNINGS', 'TRACEMALLOC')])"
    )
    told = {"PYTHONOPTIMIZE": "2", "PYTHONWARNINGS": "error::DeprecationWarning", "PYTHONTRACEMALLOC": "1"}
    ended = _run_alone(program, _without("RAY_ADDRESS") | told)
    assert ended.stdout == "(0, []) 2 ['2', 'error::DeprecationWarning', '1']\n"


@pytest.mark.ci
@pytest.mark.ray
def test_two_threads_work_at_once_on_a_local_ray() -> None:
    ended = _run_alone(_IN_TWO_THREADS, _without("RAY_ADDRESS"))
    assert ended.stdout == "0 1 False\n"


@pytest.mark.ci
@pytest.mark.ray
def test_a_local_ray_listens_on_loopback_alone_writes_no_token_and_starts_no_more_than_needed(tmp_path: Path) -> None:
    looked = _run_alone(_LOOK_AT_SOCKETS, _without("RAY_") | {"HOME": str(tmp_path)})
    assert looked.stderr == "", "Ray's tips are for those who call it themselves"
    *addresses, niceness, folder, left_out, token, handlers = looked.stdout.split("\n")[:-1]
    assert len(addresses) > 5
    assert set(addresses) <= {"0100007F", "0000000000000000FFFF00000100007F"}, "127.0.0.1, alone or mapped to IPv6"
    assert niceness == "niceness 0", "workers would be pushed off their cores by every process that wakes"
    assert folder == "sockets True open to others False"
    assert left_out == "left out True"
    assert token == "token in the home False", "every Ray that the user starts from then on would ask for it"
    assert handlers == "handlers of crashes False", "that of SIGTERM aborts a command 3 s after the signal"


_INTERRUPTED = """
import os, signal, time
import ray
from cluster.session import open_session

def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.1)
    shutdown()

shutdown = ray.shutdown
try:
    with open_session(None):
        ray.shutdown = interrupted
except KeyboardInterrupt:
    print("interrupted")
ray.shutdown = shutdown
with open_session(None):
    print(ray.get(ray.remote(lambda: "began again").remote()))
time.sleep(3)
print("lives on")
"""


@pytest.mark.ci
@pytest.mark.ray
def test_after_an_interrupt_in_rays_own_end_another_begins_and_the_process_lives_on() -> None:
    waits = {"RAY_gcs_rpc_server_reconnect_timeout_s": "1"}  # not 60, until Ray ends what still looks for its head
    ended = _run_alone(_INTERRUPTED, _without("RAY_") | waits, timeout_s=60)
    assert ended.stdout.splitlines() == ["interrupted", "began again", "lives on"]


_ASK_WITH_TOKENS = """
import os, subprocess, sys
import ray
from ray._raylet import AuthenticationTokenLoader, get_authentication_mode
from cluster.session import open_session

def token():
    loader = AuthenticationTokenLoader.instance()
    return loader.get_raw_token(ignore_auth_mode=True) if loader.has_token(ignore_auth_mode=True) else ""

def look(tokens):
    with open_session(None):
        tokens += [ray.get(ray.remote(lambda: os.environ.get("RAY_AUTH_TOKEN", "")).remote()), token()]
        address = ray.get_runtime_context().gcs_address
        if len(tokens) == 2:
            asked = f"from ray._raylet import GcsClient; GcsClient(address={address!r}).internal_kv_keys(b'', None)"
            command, options = [sys.executable, "-c", asked], {"capture_output": True, "text": True}
            for mode in ("disabled", "token"):
                environment = {**os.environ, "RAY_AUTH_MODE": mode, "RAY_AUTH_TOKEN": "guess"}
                ended = subprocess.run(command, env=environment, **options)
                print("refused:", mode, "InvalidAuthToken" in ended.stderr)

print("before:", repr(token()), get_authentication_mode())
tokens = []
look(tokens)
look(tokens)
print("length:", *map(len, tokens), "different:", len(set(tokens)))
print("after:", repr(token()), get_authentication_mode(), [name for name in os.environ if "AUTH" in name])
"""


@pytest.mark.ci
@pytest.mark.ray
def test_a_local_ray_leaves_no_token_behind_and_minds_none_of_before(tmp_path: Path) -> None:
    file = tmp_path / ".ray" / "auth_token"
    file.parent.mkdir()
    file.write_text("theirs")
    ended = _run_alone(_ASK_WITH_TOKENS, _without("RAY_") | {"HOME": str(tmp_path)}, "-W", "ignore")
    assert ended.stdout.splitlines() == [
        "before: 'theirs' 0",
        "refused: disabled True",
        "refused: token True",
        "length: 64 64 64 64 different: 2",
        "after: 'theirs' 0 []",
    ]
    assert file.read_text() == "theirs"


@pytest.mark.parametrize("name", ["RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"])
def test_a_token_that_is_given_is_that_of_a_local_ray(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv(name, "given")
    with private_ray.token_required():
        given = {one: os.environ.get(one) for one in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")}
    assert given == {"RAY_AUTH_TOKEN": None, "RAY_AUTH_TOKEN_PATH": None, name: "given"}
