import errno
import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import Mock

import pytest

from scoring.errors import BucketError
from scoring.storage import bucket_clients, conditional, conditional_put
from scoring.storage.conditional import read_version, remove_if, write_if
from scoring.storage.locations import Location, Url
from scoring.storage.urls import Version
from tests.faults import system_fault
from tests.local_server import serving


@pytest.fixture(params=["disk", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """A file that does not exist yet, on a disk or in a bucket."""
    if request.param == "disk":
        return tmp_path / "lease.json"
    bucket: Url = request.getfixturevalue("bucket")
    return bucket / "lease.json"


def _write_by_turns(place: Location) -> None:
    """Create a file once, and let only who has read it last replace it."""
    assert write_if(place, None, b"first")
    assert not write_if(place, None, b"second")
    content, version = read_version(place)
    assert content == b"first"
    assert write_if(place, version, b"third")
    assert not write_if(place, version, b"fourth")
    assert place.read_bytes() == b"third"


def test_file_is_created_once_and_replaced_only_by_who_read_it_last(place: Location) -> None:
    _write_by_turns(place)


class _Plain(BaseHTTPRequestHandler):
    """Keeps objects, and refuses the conditions of writes with the status and the code that the bucket's name has."""

    objects: ClassVar[dict[str, bytes]] = {}
    refused = 0
    put_by_others: ClassVar[list[bytes]] = []  # at the times that something is put
    failing = 0  # how many writes are to be answered 503, though they may be done

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.put_by_others:
            self.objects[self.path] = self.put_by_others.pop(0)
        if "If-None-Match" in self.headers or "If-Match" in self.headers:
            type(self).refused += 1
            status, _, code = self.path.split("/")[1].partition("-")
            self._send(
                int(status), f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode() if code else b""
            )
            return
        if self.failing:
            type(self).failing -= 1
            self.objects.setdefault(self.path, content)
            self._send(503, b"")
            return
        self.objects[self.path] = content
        self._send(200, b"")

    def do_GET(self) -> None:
        self._send(200 if self.path in self.objects else 404, self.objects.get(self.path, b""))

    def do_HEAD(self) -> None:
        self.do_GET()

    def _send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
        self.send_header("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@contextmanager
def _plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_Plain, "objects", {})
    monkeypatch.setattr(_Plain, "refused", 0)
    monkeypatch.setattr(_Plain, "failing", 0)
    monkeypatch.setattr(_Plain, "put_by_others", [])
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.setattr(bucket_clients, "_PATIENCE", timedelta(0))
    with serving(_Plain) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        yield


@pytest.mark.parametrize("bucket", ["400-NotImplemented", "501-NotImplemented", "501", "disabled"])
def test_a_store_that_knows_no_conditions_is_asked_beforehand(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with _plain(monkeypatch):
        if bucket == "disabled":  # as its client is told
            monkeypatch.setenv("AWS_CONDITIONAL_PUT", "disabled")
        place = Url("s3", bucket, "lease.json")
        _write_by_turns(place)
    assert _Plain.refused == (bucket != "disabled")  # once for all


@pytest.mark.parametrize("code", ["InvalidRequest", "InvalidArgument"])
def test_a_store_that_refuses_one_write_keeps_to_its_conditions(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with _plain(monkeypatch):
        place = Url("s3", f"400-{code}", "lease.json")
        for refused in (1, 2):
            with pytest.raises(BucketError, match=code):
                write_if(place, None, b"first")
            assert _Plain.refused == refused
        assert not place.is_file()


def test_what_another_writes_while_a_condition_is_refused_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    with _plain(monkeypatch):
        place = Url("s3", "501-NotImplemented", "lease.json")
        monkeypatch.setattr(_Plain, "put_by_others", [b"theirs"])
        assert not write_if(place, None, b"ours")
        assert place.read_bytes() == b"theirs"


def test_a_write_without_condition_is_looked_for_before_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with _plain(monkeypatch):
        monkeypatch.setenv("AWS_CONDITIONAL_PUT", "disabled")
        monkeypatch.setattr(bucket_clients, "_PATIENCE", timedelta(seconds=45))
        monkeypatch.setattr(conditional_put, "_TRIED_AGAIN_AFTER_S", (0.01, 0.01))
        place = Url("s3", "bucket", "lease.json")
        monkeypatch.setattr(_Plain, "failing", 1)
        assert write_if(place, None, b"ours")  # it was there, though the answer was another
        version = read_version(place)[1]
        monkeypatch.setattr(_Plain, "failing", 1)
        monkeypatch.setattr(_Plain, "put_by_others", [b"theirs"])
        assert not write_if(place, version, b"ours again")
        assert place.read_bytes() == b"theirs"
        monkeypatch.setattr(_Plain, "failing", 2)
        assert write_if(place, read_version(place)[1], b"at last")
        monkeypatch.setattr(_Plain, "failing", 3)
        with pytest.raises(BucketError):
            write_if(place, read_version(place)[1], b"never")
        assert place.read_bytes() == b"at last"


def test_file_is_removed_only_as_it_was_read(place: Location) -> None:
    write_if(place, None, b"first")
    _, first = read_version(place)
    write_if(place, first, b"second")
    assert not remove_if(place, first)
    assert remove_if(place, read_version(place)[1])
    assert not place.exists()
    assert not remove_if(place, first)
    assert not write_if(place, first, b"third")
    with pytest.raises(FileNotFoundError):
        read_version(place)


def _race(act: Any, num_threads: int = 8) -> list[Any]:
    """What each of several threads got that began at once."""
    begin, results = threading.Barrier(num_threads), []

    def run(number: int) -> None:
        begin.wait()
        results.append(act(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(num_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _write_number(path: Path, version: Version | None, number: int) -> bool:
    return write_if(path, version, f"{number} after {version}".encode())


def test_of_many_that_create_or_replace_a_file_on_disk_at_once_one_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    for _ in range(20):
        assert sum(_race(partial(_write_number, path, None))) == 1
        assert sum(_race(partial(_write_number, path, read_version(path)[1]))) == 1
        version = read_version(path)[1]
        assert sum(_race(lambda number, version=version: remove_if(path, version))) == 1
    assert list(tmp_path.iterdir()) == []


def test_no_increment_is_lost_among_writers_that_read_and_replace(tmp_path: Path) -> None:
    path = tmp_path / "count"
    write_if(path, None, b"0")

    def increment(number: int) -> None:
        for _ in range(20):
            while True:
                content, version = read_version(path)
                if write_if(path, version, str(int(content) + 1).encode()):
                    break

    _race(increment, num_threads=4)
    assert path.read_bytes() == b"80"


def test_file_that_another_holds_locked_is_left_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditional, "_LOCK_PATIENCE_S", 0.05)
    path = tmp_path / "lease.json"
    write_if(path, None, b"theirs")
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert not write_if(path, read_version(path)[1], b"ours")
        assert path.read_bytes() == b"theirs"
    assert write_if(path, read_version(path)[1], b"ours")


def test_disk_without_hard_links_and_locks_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(fcntl, "flock", refuse)
    path = tmp_path / "lease.json"
    assert write_if(path, None, b"first")
    assert not write_if(path, None, b"second")
    version = read_version(path)[1]
    assert write_if(path, version, b"third")
    assert not write_if(path, version, b"fourth")
    assert path.read_bytes() == b"third"


@pytest.mark.parametrize("fault", [system_fault(errno.ENOSPC), KeyboardInterrupt()], ids=["full", "stopped"])
@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_new_file_that_cannot_be_written_to_its_end_leaves_none_but_another_writers(
    is_replaced: bool, fault: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "shard.parquet", os.fsync

    def fsync(descriptor: int) -> None:
        if path.exists() and os.path.samestat(os.fstat(descriptor), path.stat()):
            if is_replaced:
                (tmp_path / "theirs").write_bytes(b"theirs")
                (tmp_path / "theirs").replace(path)
            raise fault
        synced(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", Mock(side_effect=system_fault(errno.EPERM)))
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(type(fault)):
            write_if(path, None, b"ours")
    assert [found.read_bytes() for found in tmp_path.iterdir()] == ([b"theirs"] if is_replaced else [])
    assert write_if(path, None, b"ours") is not is_replaced


def test_created_file_whose_answer_was_lost_on_the_way_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = os.link

    def link_and_lose_the_answer(*paths: Path) -> None:
        link(*paths)
        raise FileExistsError(errno.EEXIST, "File exists")

    monkeypatch.setattr(os, "link", link_and_lose_the_answer)
    assert write_if(tmp_path / "lease.json", None, b"ours")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "lease.json")
    with pytest.raises(OSError, match="it is no regular file"):
        read_version(tmp_path / "lease.json")
