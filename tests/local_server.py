"""An HTTP server on this machine, for as long as a test needs it."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Server(ThreadingHTTPServer):
    """Sends a body at once: kept back until the headers' arrival is told, each answer takes 40 ms."""

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address


@contextmanager
def serving(
    handler: Callable[[Any, Any, Any], BaseHTTPRequestHandler], certificate: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Answer requests by `handler` while the block runs, certified by a certificate; yield the server's address."""
    with _Server(("127.0.0.1", 0), handler) as running:
        if certificate:
            running.socket = certificate.wrap_socket(running.socket, server_side=True)
        ended_soon = {"poll_interval": 0.01}
        threading.Thread(target=running.serve_forever, kwargs=ended_soon, daemon=True).start()
        try:
            yield f"{'https' if certificate else 'http'}://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
