"""What functions take from Python: text or a path where they take one, a name or an enum's member for a choice."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from enum import StrEnum
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from jobs.console.places import is_in_job_folder
from jobs.console.plain_values import check_digits, flag_of, list_of, number_of, shown, words_of
from scoring.errors import RequestError

Choice = TypeVar("Choice", bound=StrEnum)
P = ParamSpec("P")
R = TypeVar("R")
AUTO = "auto"
_WHOLE = re.compile(r"-?[0-9]{1,99}")  # not 1_6 nor other digits than these, which Python takes for 16
_SIZE = re.compile(r"([0-9]{1,9})(?:x([0-9]{1,9}))?")
LARGEST_SIDE = 4096  # sixteen such pictures are 0.8 GB
_LARGEST_SEED = 4_000_000_000  # they take less than 2**32


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Look at the values before a function begins: see `words_of` and the others."""
    signature = inspect.signature(function)
    annotations = {field: parameter.annotation for field, parameter in signature.parameters.items()}

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        _check_names(function.__name__, list(signature.parameters), kwargs)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{function.__name__}(): {error}.") from None
        for field, value in bound.arguments.items():
            words = words_of(value, annotations[field], field)
            bound.arguments[field] = list_of(words, annotations[field], field)
        check_texts(bound.arguments)
        if is_in_job_folder():
            _check_outlives_job(function, bound)
        for field, value in bound.arguments.items():
            number = number_of(value, annotations[field], field)
            bound.arguments[field] = flag_of(number, annotations[field], field)
        return function(*bound.args, **bound.kwargs)

    return call


def _check_names(function: str, names: Sequence[str], given: Iterable[str]) -> None:
    """Refuse an argument that a function does not take, as Python does; one of a similar name is told."""
    for name in given:
        if name not in names:
            near = get_close_matches(name, names, 1)
            advice = f"Did you mean `{near[0]}`?" if near else f"It takes {', '.join(names)}."
            raise TypeError(f"{function}() takes no `{name}`. {advice}")


def _check_outlives_job(function: Callable[..., Any], bound: inspect.BoundArguments) -> None:
    from jobs.console.local_paths import check_outlives_job  # it knows our models' names; few processes run in a job

    defaults = {name: parameter.default for name, parameter in bound.signature.parameters.items()}
    check_outlives_job(function, defaults | bound.arguments)


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


def seed_of(value: int) -> int:
    """A seed that NumPy and scikit-learn take, and those after it, which further draws take.

    Raises:
        RequestError: If it is none.
    """
    if not 0 <= value <= _LARGEST_SEED:
        raise RequestError(f"Expected `seed` from 0 to {_LARGEST_SEED}; received {value}.")
    return value


def size_of(value: str | int) -> tuple[int, int]:
    """Height and width from `320`, or from `240x320`.

    Raises:
        RequestError: If it is neither, or out of reach.
    """
    match = _SIZE.fullmatch(str(value))
    size = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not all(1 <= side <= LARGEST_SIDE for side in size):
        raise RequestError(
            f"Expected `size` such as 320, or 240x320 for height x width, of 1 to {LARGEST_SIDE} pixels a side; "
            f"received {str(value)!r}."
        )
    return size


def number_or_auto(value: int | str | None, field: str) -> int | None:
    """A whole number, or None where the choice is left to us.

    Raises:
        RequestError: If it is neither.
    """
    if value is None or (isinstance(value, str) and value == AUTO):
        return None
    return whole(value, field, "a number or auto")


def whole(value: int | str, field: str, what: str = "a whole number") -> int:
    """A whole number from its digits, and no others than these.

    Raises:
        RequestError: If it is none.
    """
    if not _WHOLE.fullmatch(text := str(value)):
        raise RequestError(f"Expected `{field}` to be {what}; received {shown(value)}.")
    check_digits(number := int(text), field)
    return number


def choice(value: str, kind: type[Choice], field: str) -> Choice:
    """The member of that name.

    Raises:
        RequestError: If there is none.
    """
    try:
        return kind(value)
    except ValueError:
        raise RequestError(f"Expected `{field}` to be one of {', '.join(kind)}; received {value!r}.") from None


def words_in(value: str | Sequence[str]) -> list[str]:
    """The words of a list, or of a text such as `mean,max` or `mean+max`."""
    return [word.strip() for word in (value.replace("+", ",").split(",") if isinstance(value, str) else value)]


def choices(values: str | Sequence[str] | None, kind: type[Choice], field: str) -> tuple[Choice, ...]:
    """The members of those names, each once; all where none is named."""
    named = [values] if isinstance(values, str) else values
    return tuple(dict.fromkeys(choice(value, kind, field) for value in named or kind))
