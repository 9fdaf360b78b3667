import json
import multiprocessing
import socket
import threading
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from scoring.errors import RunFolderError
from scoring.run import lease as module
from scoring.run.lease import Holder, hold_lease
from scoring.storage.locations import Url


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hearts beat faster here, and stop sooner."""
    monkeypatch.setattr(module, "BEAT_S", 0.1)
    monkeypatch.setattr(module, "STALE_S", 0.5)


def _write_lease(path: Path, host: str, pid: int) -> None:
    path.write_text(
        json.dumps({"host": host, "pid": pid, "since": "2026-01-01T00:00:00+00:00", "token": "a", "beat": 1})
    )


def _dead_pid() -> int:
    process = multiprocessing.get_context("spawn").Process(target=int)
    process.start()
    process.join()
    assert process.pid is not None
    return process.pid


def test_lease_is_there_while_it_is_held_and_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    with hold_lease(path):
        assert json.loads(path.read_text())["host"] == socket.gethostname()
    assert not path.exists()


def test_second_driver_is_told_who_holds_it_and_since_when(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    with (
        hold_lease(path),
        pytest.raises(RunFolderError, match=r"written by process \d+ on .* since 20\d\d-"),
        hold_lease(path),
    ):
        pass


def test_lease_of_a_dead_process_of_this_machine_is_taken_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lease.json"
    _write_lease(path, socket.gethostname(), _dead_pid())
    monkeypatch.setattr(module.time, "sleep", lambda seconds: pytest.fail("it waited for a dead process"))
    with hold_lease(path):
        assert json.loads(path.read_text())["token"] != "a"


def test_lease_of_another_machine_is_taken_when_its_heart_stands_still(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    _write_lease(path, "elsewhere", 1)
    with hold_lease(path):
        assert json.loads(path.read_text())["host"] == socket.gethostname()


def test_lease_of_another_machine_is_respected_while_its_heart_beats(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    _write_lease(path, "elsewhere", 1)
    ended = threading.Event()

    def beat() -> None:
        for count in range(2, 100):
            if ended.wait(0.1):
                return
            held = json.loads(path.read_text())
            path.write_text(json.dumps({**held, "beat": count}))

    heart = threading.Thread(target=beat)
    heart.start()
    with pytest.raises(RunFolderError, match="process 1 on elsewhere"), hold_lease(path):
        pass
    ended.set()
    heart.join()


def test_heart_beats_while_the_lease_is_held(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    with hold_lease(path):
        deadline = time.monotonic() + 10
        while json.loads(path.read_text())["beat"] < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_damaged_lease_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    path.write_text("{half")
    with hold_lease(path):
        assert json.loads(path.read_text())["pid"]


def test_lease_in_a_bucket_is_there_while_it_is_held_and_beats(bucket: Url) -> None:
    url = bucket / "run" / "lease.json"
    with hold_lease(url):
        with pytest.raises(RunFolderError, match=r"written by process \d+ on .* since 20\d\d-"), hold_lease(url):
            pass
        deadline = time.monotonic() + 10
        while json.loads(url.read_bytes())["beat"] < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert not url.exists()


@pytest.mark.parametrize("left_behind", [b"{half", None])
def test_lease_in_a_bucket_is_taken_from_who_is_gone(bucket: Url, left_behind: bytes | None) -> None:
    url = bucket / "lease.json"
    gone = Holder("elsewhere", 1, "2026-01-01T00:00:00+00:00", "a")
    url.write_bytes(left_behind or json.dumps(asdict(gone)).encode())
    with hold_lease(url):
        assert json.loads(url.read_bytes())["host"] == socket.gethostname()


def test_of_two_that_take_over_a_lease_in_a_bucket_at_once_one_is_refused(
    bucket: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STALE_S", 2.0)
    url = bucket / "lease.json"
    url.write_bytes(json.dumps(asdict(Holder("elsewhere", 1, "2026-01-01T00:00:00+00:00", "a"))).encode())
    outcomes: list[str] = []
    both_tried = threading.Barrier(2)

    def take() -> None:
        try:
            with hold_lease(url):
                outcomes.append("held")
                both_tried.wait(timeout=30)
        except RunFolderError:
            outcomes.append("refused")
            both_tried.wait(timeout=30)

    takers = [threading.Thread(target=take) for _ in range(2)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert sorted(outcomes) == ["held", "refused"]


def test_holder_that_was_overtaken_in_a_bucket_leaves_the_lease_to_the_other(bucket: Url) -> None:
    url = bucket / "lease.json"
    other = json.dumps(asdict(Holder("elsewhere", 1, "2026-01-01T00:00:00+00:00", "b"))).encode()
    with hold_lease(url):
        url.write_bytes(other)
        time.sleep(0.3)
    assert url.read_bytes() == other
