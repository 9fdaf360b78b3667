"""A proxy before a bucket's server that fails, slows down, answers late, twice or by halves, by chance."""

import http.client
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from tests.local_server import serving

_HOP_BY_HOP = {"content-length", "transfer-encoding", "connection"}
FAULTS = (
    "refuses",
    "loses the answer",
    "cuts the connection",
    "answers by half",
    "is slow",
    "does it twice",
    "is late",
)
_SLOW_S, _LATE_S = 0.3, 0.5


class FlakyBucket:
    """Passes requests on to a server, most of them unharmed.

    Args:
        endpoint: The server.
        chance: Decides which suffer what.

    Attributes:
        rate: Share of the requests that suffer; 0 for none.
        num_faults: How many did.
        url: Its own endpoint.
    """

    def __init__(self, endpoint: str, chance: random.Random) -> None:
        self._server, self._chance = urlsplit(endpoint).netloc, chance
        self._turn = threading.Lock()
        self.rate, self.num_faults = 0.0, 0
        self.url = ""

    @contextmanager
    def serve(self) -> Iterator[None]:
        """Listen while the block runs."""
        with serving(partial(_Handler, self)) as self.url:
            yield

    def draw(self) -> str | None:
        """What one request suffers."""
        with self._turn:
            if self._chance.random() >= self.rate:
                return None
            self.num_faults += 1
            return self._chance.choice(FAULTS)

    def pass_on(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """What the server answers."""
        connection = http.client.HTTPConnection(self._server, timeout=30)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, dict(answer.getheaders()), content


class _Handler(BaseHTTPRequestHandler):
    """Answers one request, or does not."""

    def __init__(self, bucket: FlakyBucket, *connection: Any) -> None:
        self._bucket = bucket
        super().__init__(*connection)

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = (self.command, self.path, dict(self.headers.items()), body)
        fault = self._bucket.draw()
        if fault == "refuses":
            return self._answer(503, {}, b"<Code>SlowDown</Code>")
        if fault == "is late":  # refused now, and done later all the same
            threading.Timer(_LATE_S, self._bucket.pass_on, request).start()
            return self._answer(500, {}, b"<Code>InternalError</Code>")
        if fault == "is slow":
            time.sleep(_SLOW_S)
        if fault == "does it twice":
            self._bucket.pass_on(*request)
        status, headers, content = self._bucket.pass_on(*request)
        if fault == "loses the answer":
            return self._answer(500, {}, b"<Code>InternalError</Code>")
        if fault == "cuts the connection":
            return self._hang_up()
        self._answer(status, headers, content, by_half=fault == "answers by half")
        return None

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _handle  # noqa: N815

    def _answer(self, status: int, headers: dict[str, str], content: bytes, by_half: bool = False) -> None:
        self.send_response_only(status)
        length = headers.get("Content-Length") if self.command == "HEAD" else None
        kept = {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
        for name, value in {**kept, "Content-Length": length or str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if by_half else content)
        if by_half:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
