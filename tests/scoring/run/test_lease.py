import errno
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from scoring.errors import LeaseLostError, RunFolderError
from scoring.process.own_place import boot_id, pid_namespace
from scoring.run import lease as module
from scoring.run.holder import Holder
from scoring.run.lease import hold_lease
from scoring.storage.conditional import write_if
from scoring.storage.locations import Location, Url
from tests.faults import fail, system_fault

_ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hearts beat faster here, and stop sooner."""
    monkeypatch.setattr(module, "BEAT_S", 0.1)
    monkeypatch.setattr(module, "STALE_S", 0.5)


@pytest.fixture(params=["disk", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """Where a lease may lie, on a disk or in a bucket."""
    if request.param == "disk":
        return tmp_path / "lease.json"
    bucket: Url = request.getfixturevalue("bucket")
    return bucket / "run" / "lease.json"


def _holder(**fields: Any) -> Holder:
    here = Holder(socket.gethostname(), _dead_pid(), "2026-01-01T00:00:00+00:00", "a", 1, 1, boot_id(), pid_namespace())
    return replace(here, **fields)


_ELSEWHERE = Holder("elsewhere", 1, "2026-01-01T00:00:00+00:00", "a", 1, 4, "another boot", "pid:[1]")


def _dead_pid() -> int:
    process = multiprocessing.get_context("spawn").Process(target=int)
    process.start()
    process.join()
    assert process.pid is not None
    return process.pid


def _read(place: Location) -> Holder:
    return Holder(**json.loads(place.read_text(encoding="utf-8")))


def test_lease_is_there_while_it_is_held_and_gone_afterwards(place: Location) -> None:
    with hold_lease(place) as lease:
        assert _read(place).host == socket.gethostname()
        assert _read(place).token == lease.fence.token
        lease.fence.check()
        lease.check_heartbeat()
    assert not place.exists()


def test_second_driver_is_told_who_holds_it_and_since_when(place: Location) -> None:
    with (
        hold_lease(place),
        pytest.raises(RunFolderError, match=rf"written by process {os.getpid()} on .* since 20\d\d-"),
        hold_lease(place),
    ):
        pass


def test_heart_beats_while_the_lease_is_held(place: Location) -> None:
    with hold_lease(place):
        deadline = time.monotonic() + 10
        while _read(place).beat < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.parametrize("fault", [system_fault(errno.ENOSPC), MemoryError()])
def test_heart_beats_on_whatever_one_heartbeat_ended_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    place = tmp_path / "lease.json"
    with hold_lease(place):
        fail(monkeypatch, module, "write_if", place, fault, times=1)
        deadline = time.monotonic() + 10
        while _read(place).beat < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_lease_of_a_dead_process_of_this_machine_is_taken_at_once(
    place: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(_holder(epoch=3).to_bytes())
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it waited for a dead process"))
    with hold_lease(place):
        assert (_read(place).token != "a", _read(place).epoch) == (True, 4)


@pytest.mark.parametrize("left_behind", [_ELSEWHERE, replace(_ELSEWHERE, boot_id="", pid_namespace="")])
def test_lease_of_another_machine_is_taken_when_its_heart_stands_still(place: Location, left_behind: Holder) -> None:
    """The second is a lease of 0.1.0, which says neither its boot nor its namespace."""
    content = {name: value for name, value in asdict(left_behind).items() if value}
    place.write_bytes(json.dumps(content).encode())
    with hold_lease(place):
        assert _read(place).host == socket.gethostname()


@pytest.mark.parametrize(
    "living",
    [
        {"host": "elsewhere", "boot_id": "another boot"},
        {"pid_namespace": "pid:[1]"},  # a container of this machine: the same host name, other process numbers
        {"boot_id": "another boot"},  # two machines of one name
        {"boot_id": "", "pid_namespace": ""},  # of 0.1.0
    ],
)
def test_a_process_that_is_none_here_is_respected_while_its_heart_beats(tmp_path: Path, living: dict[str, str]) -> None:
    path = tmp_path / "lease.json"
    holder = _holder(**living)
    path.write_bytes(holder.to_bytes())
    ended = threading.Event()

    def beat() -> None:
        for count in range(2, 100):
            if ended.wait(0.1):
                return
            path.write_bytes(replace(holder, beat=count).to_bytes())

    heart = threading.Thread(target=beat)
    heart.start()
    with pytest.raises(RunFolderError, match=f"process {holder.pid} on {holder.host}"), hold_lease(path):
        pass
    ended.set()
    heart.join()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{half",
        b"null",
        b"[]",
        b'"a"',
        b"\xff",
        b"[" * 100_000,
        *(
            json.dumps(asdict(_ELSEWHERE) | {"pid": pid}).encode()
            for pid in (None, "7", 0, -1, 1.5, True, 2**31, 2**70, [1])
        ),
    ],
)
def test_damaged_lease_is_taken(tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOOK_AGAIN_S", 0.001)
    path = tmp_path / "lease.json"
    path.write_bytes(content)
    with hold_lease(path):
        assert _read(path).pid == os.getpid()


@pytest.mark.ci
@pytest.mark.parametrize("left_behind", [None, _ELSEWHERE, b"{half", "a dead process's"])
def test_of_many_that_come_at_once_one_holds_it(
    place: Location, left_behind: Holder | bytes | str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STALE_S", 5.0)
    if left_behind:
        holder = _holder() if isinstance(left_behind, str) else left_behind
        place.write_bytes(holder if isinstance(holder, bytes) else holder.to_bytes())
    outcomes: list[str] = []
    all_tried = threading.Barrier(4)

    def take() -> None:
        try:
            with hold_lease(place):
                outcomes.append("held")
                all_tried.wait(timeout=60)
        except RunFolderError:
            outcomes.append("refused")
            all_tried.wait(timeout=60)

    takers = [threading.Thread(target=take) for _ in range(4)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert sorted(outcomes) == ["held", "refused", "refused", "refused"]


def test_what_another_took_while_its_holder_was_judged_is_left_to_it(
    place: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, other = _holder(), _holder(token="b", pid=os.getpid(), epoch=2)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(dead.to_bytes())

    def judge(path: Location, holder: Holder) -> bool:
        path.write_bytes(other.to_bytes())
        return holder == dead

    monkeypatch.setattr(module, "_is_gone", judge)
    with pytest.raises(RunFolderError, match=rf"written by process {other.pid}"), hold_lease(place):
        pass
    assert _read(place) == other


def test_holder_that_was_overtaken_notices_and_leaves_the_lease_to_the_other(place: Location) -> None:
    with hold_lease(place) as lease:
        place.write_bytes(_ELSEWHERE.to_bytes())
        with pytest.raises(LeaseLostError, match=r"another driver took over .*, process 1 on elsewhere since 2026"):
            lease.fence.check()
        deadline = time.monotonic() + 10
        with pytest.raises(LeaseLostError, match="process 1 on elsewhere"):
            while time.monotonic() < deadline:
                lease.check_heartbeat()
                time.sleep(0.02)
    assert _read(place) == _ELSEWHERE


def _start_holder(path: Path, *before: str) -> subprocess.Popen[str]:
    """A process that holds a lease until it is told to end, or finds it lost; wrapped in the command `before`."""
    code = f"""
        import sys
        from pathlib import Path
        from scoring.errors import LeaseLostError
        from scoring.run import lease
        lease.BEAT_S, lease.STALE_S = 0.1, 0.5
        with lease.hold_lease(Path({str(path)!r})) as held:
            print("held", flush=True)
            sys.stdin.readline()
            try:
                held.fence.check()
            except LeaseLostError as error:
                print(error, flush=True)
            else:
                print("still held", flush=True)
    """
    command = [*before, sys.executable, "-c", textwrap.dedent(code)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout is not None
    if process.stdout.readline() != "held\n":
        process.kill()
        pytest.skip(f"cannot start: {process.communicate()[1]}")
    return process


def test_a_frozen_holder_loses_its_lease_and_knows_when_it_wakes(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    frozen = _start_holder(path)
    frozen.send_signal(signal.SIGSTOP)
    with hold_lease(path):
        frozen.send_signal(signal.SIGCONT)
        said, _ = frozen.communicate("\n", timeout=30)
        assert f"another driver took over {tmp_path}, process {os.getpid()} on" in said
        assert _read(path).pid == os.getpid()
        assert _read(path).epoch == 2
    assert not path.exists()


def test_a_living_holder_in_another_namespace_of_this_machine_is_not_evicted(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    apart = _start_holder(path, "unshare", "--pid", "--fork", "--mount-proc")
    with pytest.raises(RunFolderError, match="is being written by process"), hold_lease(path):
        pass
    assert apart.communicate("\n", timeout=30)[0] == "still held\n"


def test_a_holder_that_is_frozen_within_its_heartbeat_is_named_and_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps its lease locked: nobody can tell what it will write when it wakes."""
    import fcntl

    path = tmp_path / "lease.json"
    path.write_bytes(_ELSEWHERE.to_bytes())
    monkeypatch.setattr("scoring.storage.conditional._LOCK_PATIENCE_S", 0.3)
    with path.open("r+b") as locked:
        fcntl.flock(locked, fcntl.LOCK_EX)
        with pytest.raises(RunFolderError, match="is being written by process 1 on elsewhere"), hold_lease(path):
            pass


@pytest.mark.parametrize("other", [None, _ELSEWHERE], ids=["created", "taken over"])
def test_lease_is_removed_where_a_signal_comes_before_its_writer_is_told(
    place: Location, other: Holder | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes are on their way to a disk or a bucket for a while after all can read them."""
    if other:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(other.to_bytes())

    def stopped(*arguments: Any) -> bool:
        if write_if(*arguments):
            raise KeyboardInterrupt
        return False

    monkeypatch.setattr(module, "write_if", stopped)
    with pytest.raises(KeyboardInterrupt), hold_lease(place):
        pass
    assert not place.exists()


def test_lease_of_another_stays_where_a_signal_comes_while_it_is_waited_for(
    place: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(_ELSEWHERE.to_bytes())

    def stopped(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", stopped)
    with pytest.raises(KeyboardInterrupt), hold_lease(place):
        pass
    assert _read(place) == _ELSEWHERE
