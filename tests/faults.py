"""Faults of the system that tests have it raise."""

import os
from math import inf
from pathlib import Path
from typing import Any

import pytest


def system_fault(number: int) -> OSError:
    """What Python raises for an error number of the system."""
    return OSError(number, os.strerror(number))


def fail(
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    place: Path,
    fault: BaseException,
    times: float = inf,
) -> None:
    """Have a function or a method raise `fault` where its first argument is `place`: so many times, then no more."""
    function, seen = getattr(owner, name), []

    def failing(first: object, *others: Any, **options: Any) -> Any:
        if str(first) == str(place):
            seen.append(first)
            if len(seen) <= times:
                raise fault
        return function(first, *others, **options)

    monkeypatch.setattr(owner, name, failing)
