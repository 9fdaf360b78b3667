"""The values that a function is called with, looked at before it begins: of a command line or of Python, all alike."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import ParamSpec, TypeVar

from scoring.errors import RequestError

P = ParamSpec("P")
R = TypeVar("R")


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse empty text before a function begins, whatever it is for: see `check_texts`."""
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        check_texts(signature.bind(*args, **kwargs).arguments)
        return function(*args, **kwargs)

    return call


def check_texts(values: Mapping[str, object]) -> None:
    """Refuse empty text, alone or in a list: a shell makes it of a variable that is not set, which means no choice.

    Args:
        values: By the names of their fields.

    Raises:
        RequestError: It names the field.
    """
    for field, value in values.items():
        if (isinstance(value, str) and not value) or (isinstance(value, list | tuple) and "" in value):
            raise RequestError(
                f"Expected a value for `{field}`; received empty text, which a shell makes of a variable that is not "
                "set."
            )
