"""Servers that never come to an end, and what is kept of a connection to one that does."""

import itertools
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from scoring.errors import BucketError
from scoring.storage import web
from tests.certificates import certified
from tests.local_server import serving

_PHOTO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nphoto"
_ELSEWHERE, _BUSY = b"HTTP/1.1 302 Found\r\nLocation: /photo\r\n", b"HTTP/1.1 503 Busy\r\n"
_MANY, _CHUNKED = b"Content-Length: 999999999999\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"
_CHUNK = b"8000\r\n" + bytes(0x8000) + b"\r\n"
# What comes first, and what comes again and again.
_ENDLESS = {
    "/elsewhere-until-closed": (_ELSEWHERE + b"\r\n", bytes(1 << 16)),
    "/elsewhere-of-a-size": (_ELSEWHERE + _MANY, bytes(1 << 16)),
    "/elsewhere-in-chunks": (_ELSEWHERE + _CHUNKED, _CHUNK),
    "/busy-until-closed": (_BUSY + b"\r\n", bytes(1 << 16)),
    "/busy-of-a-size": (_BUSY + _MANY, bytes(1 << 16)),
    "/busy-in-chunks": (_BUSY + _CHUNKED, _CHUNK),
}
_DRIPPING = {
    "/headers": (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
    "/one-header": (b"HTTP/1.1 200 OK\r\nA: ", b"b"),
    "/status": (b"HTTP/1.1 2", b"0"),
    "/continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "/chunks": (_PHOTO[:17] + _CHUNKED, b"1\r\nx\r\n"),
    "/trailers": (_PHOTO[:17] + _CHUNKED + b"0\r\n", b"A: b\r\n"),
    "/elsewhere": (_ELSEWHERE + _MANY, b"x"),
    "/elsewhere-headers": (_ELSEWHERE, b"A: b\r\n"),
    "/busy": (_BUSY + _MANY, b"x"),
    "/busy-headers": (_BUSY, b"A: b\r\n"),
}
_SHORT = {
    "/photo": _PHOTO,
    "/moved": _ELSEWHERE + b"Content-Length: 4\r\n\r\nthus",
    "/moved-without": _ELSEWHERE + b"Content-Length: 0\r\n\r\n",
    "/moved-in-chunks": _ELSEWHERE + _CHUNKED + b"4\r\nthus\r\n0\r\n\r\n",
    "/busy-once": _BUSY + b"Content-Length: 4\r\n\r\nsoon",
}


class _Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    connections: set[object]
    asked: list[str]
    num_sent: int  # bytes
    ended: threading.Event

    def do_GET(self) -> None:
        self.connections.add(self.client_address)
        self.asked.append(self.path)
        if "busy" in self.path and self.asked.count(self.path) > 1:
            self.wfile.write(_PHOTO)
        elif self.path in _SHORT:
            self.wfile.write(_SHORT[self.path])
        else:
            self._go_on(*(_ENDLESS | _DRIPPING)[self.path], pause_s=0.02 if self.path in _DRIPPING else 0)

    def _go_on(self, first: bytes, again: bytes, pause_s: float) -> None:
        try:
            for part in itertools.chain([first], itertools.repeat(again)):
                self.wfile.write(part)
                type(self).num_sent += len(part)
                if self.ended.wait(pause_s):
                    break
        except OSError:  # nobody listens any more
            pass
        self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(web, "_FIRST_WAIT_S", 0.001)
    web._session.cache_clear()
    _Server.connections, _Server.asked, _Server.num_sent, _Server.ended = set(), [], 0, threading.Event()
    yield
    _Server.ended.set()
    web._session().close()
    web._session.cache_clear()


@pytest.fixture
def server(state: None) -> Iterator[str]:
    with serving(_Server) as address:
        yield address


def _read(text: str, limit_s: float) -> bytes:
    url = web.web_url(text)
    assert url is not None
    return url.read_limited(1000, limit_s)


@pytest.mark.parametrize("path", _ENDLESS)
def test_of_an_answer_in_the_way_of_another_little_is_read(server: str, path: str) -> None:
    assert _read(server + path, limit_s=5) == b"photo"
    assert _Server.num_sent < 16 << 20  # of which the system holds the most


@pytest.mark.parametrize("path", _DRIPPING)
def test_answer_that_drips_without_end_is_given_up_when_the_time_is_over(server: str, path: str) -> None:
    started = time.monotonic()
    with pytest.raises(BucketError, match="the server does not answer in time"):
        _read(server + path, limit_s=0.3)
    assert time.monotonic() - started < 2


def test_time_holds_for_an_encrypted_connection_and_one_read_in_time_is_kept_for_the_next(
    state: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, authority = certified(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    with serving(_Server, context) as address:
        assert _read(f"{address}/moved", limit_s=5) == _read(f"{address}/photo", limit_s=5) == b"photo"
        assert len(_Server.connections) == 1
        with pytest.raises(BucketError, match="the server does not answer in time"):
            _read(f"{address}/headers", limit_s=0.3)


@pytest.mark.parametrize("path", _SHORT)
def test_connection_is_kept_over_answers_that_are_short(server: str, path: str) -> None:
    for _ in range(3):
        assert _read(server + path, limit_s=5) == b"photo"
    assert len(_Server.connections) == 1


def test_read_that_had_little_time_leaves_the_next_one_all_of_its_own(server: str) -> None:
    assert _read(f"{server}/photo", limit_s=0.2) == b"photo"
    time.sleep(0.3)
    assert _read(f"{server}/photo", limit_s=5) == b"photo"
    assert len(_Server.connections) == 1
