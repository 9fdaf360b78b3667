"""What callers give, of pandas, NumPy or another library, as Python's own texts, paths, lists, numbers and flags."""

import math
import operator
import os
from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path
from types import NoneType
from typing import Any, Protocol, get_args, get_origin, runtime_checkable

import numpy as np

from scoring.errors import RequestError
from scoring.storage.locations import Location, Url

_MOST_DIGITS = 15
_SHOWN = 80  # characters of a value that is too long
_WRITTEN = "output"  # a place that gets results, of which each command says itself what may lie there


@runtime_checkable
class _Result(Protocol):
    """A result of ours, in whose folder another may lie since."""

    def check_not_replaced(self) -> None: ...


def words_of(value: Any, annotation: Any, field: str) -> Any:
    """Text where a field takes text, and a path where it takes one: of a result, such as a run, its own.

    Text of a class of its own, as the member of an enum is, is what it holds, however it shows itself. A result stands
    for what it is of: where something else has taken its place, only what is written there is right.

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
        return _plain(value, kinds)
    if Path in kinds and (path := _path_of(value)) is not None:
        if isinstance(value, _Result) and field != _WRITTEN:
            value.check_not_replaced()
        return _plain(path, kinds) if isinstance(path, kinds) else str(path)
    if not set(kinds) <= {str, Path, Url, NoneType}:
        return value
    what = "a path or URL" if Url in kinds else "a name or a path" if Path in kinds else "text"
    raise RequestError(f"Expected `{field}` to be {what}; received {shown(value)}.")


def _plain(value: Any, kinds: Sequence[Any]) -> Any:
    """Python's own text for one of another class than a field takes."""
    return str.__str__(value) if isinstance(value, str) and type(value) not in kinds else value


def _path_of(value: Any) -> Location | str | None:
    """The path of a result of ours, or of a path of another library; None of anything else."""
    if isinstance(path := getattr(value, "path", value), Location):
        return path
    if hasattr(value, "joinpath"):  # of cloudpathlib and others, whose text is a URL
        return str(value)
    return os.fsdecode(value) if isinstance(value, os.PathLike) else None


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
        raise RequestError(f"Expected `{field}` to be a list of {what}; received {shown(odd[0])} in it.")
    return [_plain(one, kinds) for one in given]


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
        raise RequestError(f"Expected `{field}` to be {what}; received {shown(value)}.") from None
    except OverflowError:
        raise RequestError(f"Expected `{field}` to be a number of at most 308 digits; received a longer one.") from None
    check_digits(value, field)
    return value


def check_digits(value: object, field: str) -> None:
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
    """A yes or a no where a field takes one: any text is a yes to Python, "False" and "0" too.

    Args:
        value: What was given: True or False, also NumPy's; 1, 0 and None mean the same. What else the field may be, as
            a console, is left as it is.
        annotation: The field's.
        field: Its name.

    Raises:
        RequestError: If it is neither; it names the field.
    """
    kinds = get_args(annotation) or (annotation,)
    if bool not in kinds or int in kinds or isinstance(value, tuple(kind for kind in kinds if kind is not bool)):
        return value
    if value is not None and not (isinstance(value, Real | np.bool_) and value in (0, 1)):
        raise RequestError(f"Expected `{field}` to be True or False; received {shown(value)}.")
    return bool(value)


def shown(value: object) -> str:
    """A value in one short line."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
