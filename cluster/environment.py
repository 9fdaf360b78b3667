"""Environment variables for the processes that are started meanwhile."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set a variable, and put back what it was."""
    with _put_back(name):
        os.environ[name] = value
        yield


@contextmanager
def without_variable(name: str) -> Iterator[None]:
    """Have no such variable, and put back what it was."""
    with _put_back(name):
        os.environ.pop(name, None)
        yield


@contextmanager
def _put_back(name: str) -> Iterator[None]:
    before = os.environ.get(name)
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before
