"""Connect to a Ray cluster, or start one on this machine for as long as it is needed."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray

from cluster.errors import SessionError

# Shard numbers and small reports are all that passes through it: pixels never do.
_OBJECT_STORE_BYTES = 128 * 1024**2


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
        _connect(address)
    except Exception as error:  # Ray raises ConnectionError, RuntimeError, ValueError and its own, by the cause
        reason = " ".join(str(error).split())[:300]
        where = f"the Ray cluster at {address}" if address else "a local Ray"
        raise SessionError(f"Cannot reach {where}: {reason}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _connect(address: str | None) -> None:
    quiet: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if address:
        ray.init(address=address, **quiet)
    else:
        ray.init(address="local", include_dashboard=False, object_store_memory=_OBJECT_STORE_BYTES, **quiet)
