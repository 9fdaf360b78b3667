"""Connections to web servers that are read no longer than the read may take, and no further than it needs.

The libraries limit how long a server may be silent, but not how long it may go on with headers, nor how much it says in
an answer that is in the way of another: one that sends elsewhere, or one after which they ask again.
"""

import io
import math
import time
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from http import client
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError

_LITTLE = 16 * 1024  # bytes that are sooner read than a connection is made
end_of_read: ContextVar[float] = ContextVar("end_of_read", default=math.inf)  # of this thread, by the monotonic clock


class InTime(HTTPAdapter):
    """Connections whose answers, headers included, end with `end_of_read`."""

    def get_connection_with_tls_context(
        self,
        request: requests.PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: Any = None,
    ) -> Any:
        """The connections to a request's server, or to a proxy before it."""
        pool: Any = super().get_connection_with_tls_context(request, verify, proxies, cert)
        if pool.ConnectionCls.response_class is not _Answer:
            pool.ConnectionCls = _in_time(pool.ConnectionCls)
        return pool


def leave(answer: HTTPResponse) -> None:
    """Have done with an answer whose content is not asked for; its connection is kept if there is little of it."""
    try:
        answer.read(_LITTLE, decode_content=False)
    except HTTPError:
        pass
    finally:
        answer.close()


def leave_redirect(answer: requests.Response, **_: Any) -> None:
    """Have done with an answer that sends elsewhere, of which requests would hold all that it has; a hook."""
    if answer.is_redirect:
        leave(answer.raw)
        answer.raw = io.BytesIO()


class _Received(io.RawIOBase):
    """What a socket receives until `end_of_read`."""

    def __init__(self, socket: Any, received: io.RawIOBase) -> None:
        self._socket = socket
        self._received = received

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = end_of_read.get() - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        if left_s < (self._socket.gettimeout() or math.inf):  # which each request sets anew
            self._socket.settimeout(left_s)
        return self._received.readinto(buffer)

    def close(self) -> None:
        self._received.close()
        super().close()


class _Answer(client.HTTPResponse):
    def __init__(self, sock: Any, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_Received(sock, self.fp.detach()))


@cache
def _in_time(connection: type) -> type:
    return type(connection.__name__, (connection,), {"response_class": _Answer})
