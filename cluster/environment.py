"""Environment variables for the processes that are started meanwhile."""

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set a variable, and put back what it was."""
    with _put_back(name):
        os.environ[name] = value
        yield


@contextmanager
def kept_variable(name: str) -> Iterator[None]:
    """Put back what a variable was, whatever is set meanwhile."""
    with _put_back(name):
        yield


@contextmanager
def without_variables(names: Iterable[str]) -> Iterator[None]:
    """Have no such variables, and put back what they were."""
    with ExitStack() as stack:
        for name in names:
            stack.enter_context(_put_back(name))
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
