"""A bucket's server that tells of its objects as much or as little as a test wants, and may answer wrongly first."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from hashlib import md5
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote

import pytest

from tests.local_server import serving

_NOTHING_LISTED = b"<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"


@dataclass
class ObjectServer:
    """What is stored, by keys, and how it is told of.

    Attributes:
        stored: Contents, and when they were written, in seconds since 1970.
        tells: What answers have: `tag`, `time`, both or neither.
        knows_ranges: Whether ranges are answered as such.
        first: Answers to the next GETs or PUTs, in place of the right ones; each returns its status, its headers and
            its content, which breaks off where they tell of a longer one.
        requests: Methods and keys that were asked for.
        url: Where it listens.
    """

    stored: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    tells: frozenset[str] = frozenset({"tag", "time"})
    knows_ranges: bool = True
    first: list[Callable[[bytes], tuple[int, dict[str, str], bytes]]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def about(self, key: str) -> dict[str, str]:
        """What an answer tells of an object."""
        content, written_s = self.stored[key]
        told = {
            "tag": ("ETag", f'"{md5(content).hexdigest()}"'),
            "time": ("Last-Modified", formatdate(written_s, usegmt=True)),
        }
        return dict(told[name] for name in self.tells)


@contextmanager
def serving_objects(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    """Serve while the block runs, as what the environment says S3 is; one more goes before those that run."""
    server = ObjectServer()
    with serving(partial(_Handler, server)) as server.url:
        monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        yield server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, server: ObjectServer, *arguments: object) -> None:
        self._objects = server
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        key = self._key()
        if not key:
            self._send(200, {}, _NOTHING_LISTED)
            return
        if key not in self._objects.stored:
            self._send(404, {}, b"")
            return
        content, about = self._objects.stored[key][0], self._objects.about(key)
        if self.command == "GET" and self._objects.first:
            code, changed, sent = self._objects.first.pop(0)(content)
            self._send(code, changed, sent)
        elif self._objects.knows_ranges and (asked := self.headers["Range"]):
            if self.headers.get("If-Match", about.get("ETag")) != about.get("ETag"):
                self._send(412, {}, b"<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>")
                return
            start, _, last = asked.removeprefix("bytes=").partition("-")
            self._send_part(content, int(start), min(int(last or len(content)) + 1, len(content)), about)
        else:
            self._send(200, about, content)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        key, content = self._key(), self.rfile.read(int(self.headers["Content-Length"]))
        if self._objects.first:
            self._send(*self._objects.first.pop(0)(content))
            return
        self._objects.stored[key] = content, 1_700_000_000
        self._send(200, {"ETag": self._objects.about(key)["ETag"]}, b"")

    def _key(self) -> str:
        key = unquote(self.path.partition("?")[0]).lstrip("/").partition("/")[2]
        self._objects.requests.append((self.command, key))
        return key

    def _send_part(self, content: bytes, start: int, end: int, about: dict[str, str]) -> None:
        if start >= len(content):
            self._send(416, {}, b"<Error><Code>InvalidRange</Code><Message>none</Message></Error>")
        else:
            self._send(206, {**about, "Content-Range": f"bytes {start}-{end - 1}/{len(content)}"}, content[start:end])

    def _send(self, code: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(code)
        told = {"Content-Length": str(len(content)), **headers}
        for name, value in told.items():
            self.send_header(name, value)
        self.close_connection = self.close_connection or told["Content-Length"] != str(len(content))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""
