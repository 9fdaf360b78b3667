"""Connect to a Ray cluster, or start one on this machine for as long as it is needed."""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import ray

from cluster.errors import SessionError

# Shard numbers and small reports are all that passes through it: pixels never do.
_OBJECT_STORE_BYTES = 128 * 1024**2
_PATIENCE_S = 10.0


@contextmanager
def open_session(address: str | None) -> Iterator[None]:
    """Join the cluster at `address`, that of `RAY_ADDRESS`, or a new local one; leave it at the end.

    A session that is already open (in tests, in a notebook) is used and left open.

    Raises:
        SessionError: If nothing answers at `address`, or Ray cannot start here.
    """
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS")
    try:
        _check_answers(address)
        _connect(address)
    except Exception as error:  # Ray raises ConnectionError, RuntimeError, ValueError and its own, by the cause
        reason = " ".join(str(error).split())[:300]
        where = f"the Ray cluster at {address}" if address else "a local Ray"
        raise SessionError(f"Cannot reach {where}: {reason}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_answers(address: str | None) -> None:
    """Knock at the address first: `ray.init` keeps trying a silent one for minutes."""
    location = urlsplit(address if address and "://" in address else f"//{address or ''}")
    if location.hostname and location.port:
        socket.create_connection((location.hostname, location.port), timeout=_PATIENCE_S).close()


def _connect(address: str | None) -> None:
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address:
        ray.init(address=address, **quiet)
    else:
        ray.init(address="local", include_dashboard=False, object_store_memory=_OBJECT_STORE_BYTES, **quiet)
