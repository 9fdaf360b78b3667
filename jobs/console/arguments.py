"""What functions take from Python: text or a path where they take one, a name or an enum's member for a choice."""

import inspect
import math
import operator
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from enum import StrEnum
from functools import wraps
from numbers import Integral, Real
from pathlib import Path
from types import NoneType
from typing import Any, ParamSpec, Protocol, TypeVar, get_args, get_origin, runtime_checkable

import numpy as np

from jobs.console.places import is_in_job_folder
from scoring.errors import RequestError
from scoring.storage.locations import Location, Url

Choice = TypeVar("Choice", bound=StrEnum)
P = ParamSpec("P")
R = TypeVar("R")
AUTO = "auto"
_SIZE = re.compile(r"([0-9]{1,9})(?:x([0-9]{1,9}))?")
LARGEST_SIDE = 4096  # sixteen such pictures are 0.8 GB
_MOST_DIGITS = 15
_LARGEST_SEED = 4_000_000_000  # they take less than 2**32
_SHOWN = 80  # characters of a value that is too long
_WRITTEN = "output"  # a place that gets results, of which each command says itself what may lie there


@runtime_checkable
class _Result(Protocol):
    """A result of ours, in whose folder another may lie since."""

    def check_not_replaced(self) -> None: ...


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


def words_of(value: Any, annotation: Any, field: str) -> Any:
    """Text where a field takes text, and a path where it takes one: of a result, such as a run, its own.

    A result stands for what it is of: where something else has taken its place, only what is written there is right.

    Args:
        value: What was given; left as it is where the field takes more than that.
        annotation: The field's.
        field: Its name.

    Raises:
        RequestError: If it is none; it names the field.
        RunFolderError: If it is a result whose folder a later run has replaced.
    """
    kinds = tuple(get_origin(kind) or kind for kind in get_args(annotation) or (annotation,))
    if str not in kinds or isinstance(value, kinds):
        return value
    if Path in kinds and (path := _path_of(value)) is not None:
        if isinstance(value, _Result) and field != _WRITTEN:
            value.check_not_replaced()
        return path if isinstance(path, kinds) else str(path)
    if not set(kinds) <= {str, Path, Url, NoneType}:
        return value
    what = "a path or URL" if Url in kinds else "a name or a path" if Path in kinds else "text"
    raise RequestError(f"Expected `{field}` to be {what}; received {_shown(value)}.")


def _path_of(value: Any) -> Location | str | None:
    """The path of a result of ours, or of a path of another library; None of anything else."""
    if isinstance(path := getattr(value, "path", value), Location):
        return path
    if hasattr(value, "joinpath"):  # of cloudpathlib and others, whose text is a URL
        return str(value)
    return os.fsdecode(value) if isinstance(value, os.PathLike) else None


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


def list_of(value: Any, annotation: Any, field: str) -> Any:
    """The list that is given where a field's type says that it takes one, in the order that counts.

    Args:
        value: What was given: a sequence, or an array, index or series of pandas or NumPy with one dimension. One text,
            and what else the field may be, is left as it is.
        annotation: The field's.
        field: Its name.

    Raises:
        RequestError: If it has no order, or two as a series with an index of its own, is empty, or holds other things
            than the field's type says; it names the field.
    """
    sequence = next((kind for kind in get_args(annotation) if get_origin(kind) is Sequence), None)
    others = tuple(_or_alike(get_origin(kind) or kind) for kind in get_args(annotation) if kind is not sequence)
    if sequence is None or isinstance(value, (str, *others)):
        return value
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        given = list(value)
    elif getattr(value, "ndim", None) == 1 and _is_counted(getattr(value, "index", None), len(value)):
        given = value.tolist()
    else:
        raise RequestError(
            f"Expected `{field}` to be one text, or a list in the order that counts; received {type(value).__name__}. "
            "Make it a list in that order."
        )
    if not given:
        raise RequestError(f"Expected names in `{field}`; received an empty list. Leave it out where none is meant.")
    [each] = get_args(sequence)
    kinds = get_args(each) or (each,)
    odd = [one for one in given if not isinstance(one, tuple(map(_or_alike, kinds)))]
    if odd:
        what = "texts or whole numbers" if int in kinds else "texts"
        raise RequestError(f"Expected `{field}` to be a list of {what}; received {_shown(odd[0])} in it.")
    return given


def _or_alike(kind: type) -> type:
    """What a value of a kind may be: a whole number of NumPy is one."""
    return Integral if kind is int else kind


def _is_counted(index: Any, length: int) -> bool:
    """Whether an index, if it is one, says nothing but the place: 0, 1, 2 and so on."""
    return not hasattr(index, "tolist") or index.tolist() == list(range(length))


def number_of(value: Any, annotation: Any, field: str) -> Any:
    """Python's own number for one of NumPy or of another library, which JSON cannot hold, as a field's type says.

    Args:
        value: What was given; left as it is where the field takes no number alone, or it is None and may be.
        annotation: The field's: `int`, `float`, either of them or None, or anything else.
        field: Its name.

    Raises:
        RequestError: If it is no whole number, or no number, or one of too many digits; it names the field.
    """
    kinds = set(get_args(annotation) or (annotation,))
    if value is None and NoneType in kinds:
        return None
    try:
        if kinds - {NoneType} == {int}:
            value = _whole_of(value)
        elif kinds - {NoneType} == {float}:
            return _float_of(value)
    except TypeError:
        what = "a whole number" if int in kinds else "a number"
        raise RequestError(f"Expected `{field}` to be {what}; received {_shown(value)}.") from None
    except OverflowError:
        raise RequestError(f"Expected `{field}` to be a number of at most 308 digits; received a longer one.") from None
    _check_digits(value, field)
    return value


def _check_digits(value: object, field: str) -> None:
    """Refuse a whole number that is not exact as a float, of which Python may not even show the digits."""
    if isinstance(value, Integral) and abs(int(value)) >= 10**_MOST_DIGITS:
        raise RequestError(
            f"Expected `{field}` to be a whole number of at most {_MOST_DIGITS} digits; received a longer one."
        )


def _whole_of(value: Any) -> int:
    if isinstance(value, bool | np.bool_):  # no count, although Python takes True for 1
        raise TypeError
    return int(operator.index(value))


def _float_of(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or math.isnan(number := float(value)):
        raise TypeError
    return number


def flag_of(value: Any, annotation: Any, field: str) -> Any:
    """A yes or a no where a field takes nothing else: any text is a yes to Python, "False" and "0" too.

    Args:
        value: What was given: True or False, also NumPy's; 1, 0 and None mean the same.
        annotation: The field's.
        field: Its name.

    Raises:
        RequestError: If it is neither; it names the field.
    """
    if annotation is not bool:
        return value
    if value is not None and not (isinstance(value, Real | np.bool_) and value in (0, 1)):
        raise RequestError(f"Expected `{field}` to be True or False; received {_shown(value)}.")
    return bool(value)


def _shown(value: object) -> str:
    """A value in one short line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


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
    if value is None or value == AUTO:
        return None
    try:
        number = int(str(value))
    except ValueError:
        raise RequestError(f"Expected `{field}` to be a number or auto; received {value}.") from None
    _check_digits(number, field)
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
