"""Dataclasses from JSON, every field of the type that it is declared with: files may hold anything.

With a checksum, JSON tells whether it still is what was written: one flipped bit turns a digit into another.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
_CHECKSUM = "sha256"
_WHOLE = "it"  # what the whole of a file is called in messages


def to_json_with_checksum(record: Mapping[str, object]) -> str:
    """JSON of a record with its SHA-256 as one more field, and a line break at its end."""
    return json.dumps({**record, _CHECKSUM: _digest(record)}, indent=2) + "\n"


def check_checksum(found: Mapping[str, object]) -> None:
    """Compare what `json.loads` returned with its checksum; earlier versions wrote none, and are not checked.

    Raises:
        ValueError: If it is not what was written.
    """
    rest = {name: value for name, value in found.items() if name != _CHECKSUM}
    if found.get(_CHECKSUM, _digest(rest)) != _digest(rest):
        raise ValueError("its checksum is of something else")


def _digest(record: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def is_foreign_json(text: str, *kinds: type) -> bool:
    """Whether a text is whole JSON, but of another program: with less than half of each dataclass' required fields.

    What is cut off or empty is not, nor what has lost a field or two, as to a flipped bit.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return False
    names = found.keys() if isinstance(found, dict) else set()
    required = [{field.name for field in fields(kind) if not _has_default(field)} for kind in kinds]
    return bool(found) and all(2 * len(wanted & names) < len(wanted) for wanted in required)


def from_json(kind: type[T], value: object) -> T:
    """Build a dataclass from what `json.loads` returned; fields that it does not know are left out.

    Args:
        kind: A dataclass of text, numbers, enums, tuples, lists, mappings by text, dataclasses, or None beside these.
        value: What stands in the file.

    Raises:
        ValueError: If a field is missing or of another type; it is named.
    """
    built: T = _parse(kind, value, _WHOLE)
    return built


def _parse(kind: Any, value: object, where: str) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        wanted, _ = sorted(inner, key=lambda one: one is NoneType)
        return None if value is None else _parse(wanted, value, where)
    if origin in (tuple, list):
        items = enumerate(_expect(list, value, where))
        return origin(_parse(inner[0], one, f"{where}[{index}]") for index, one in items)
    if origin is Mapping:
        return {key: _parse(inner[1], one, f"{where}.{key}") for key, one in _expect(dict, value, where).items()}
    if is_dataclass(kind):
        return _parse_fields(kind, _expect(dict, value, where), where)
    if kind in (Any, object):
        return value
    if issubclass(kind, Enum):
        return _parse_member(kind, value, where)
    return _parse_float(value, where) if kind is float else _expect(kind, value, where)


def _parse_fields(kind: Any, found: dict[str, object], where: str) -> Any:
    prefix, types = "" if where == _WHOLE else f"{where}.", get_type_hints(kind)
    missing = [field.name for field in fields(kind) if field.name not in found and not _has_default(field)]
    if missing:
        raise ValueError(f"{prefix}{missing[0]} is missing")
    there = (field.name for field in fields(kind) if field.name in found)
    return kind(**{name: _parse(types[name], found[name], f"{prefix}{name}") for name in there})


def _has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _parse_float(value: object, where: str) -> float:
    try:
        return float(_expect(int | float, value, where))
    except OverflowError as error:  # a whole number of hundreds of digits
        raise ValueError(f"{where} is {_shown(value)}, too large for a number") from error


def _parse_member(kind: Callable[[object], Enum], value: object, where: str) -> Enum:
    try:
        return kind(value)
    except ValueError as error:
        raise ValueError(f"{where} is {_shown(value)}") from error


def _expect(kind: Any, value: object, where: str) -> Any:
    """The value, if it is of this kind; True and False are no numbers."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        name = " or ".join(one.__name__ for one in get_args(kind)) or kind.__name__
        raise ValueError(f"{where} is {_shown(value)}, not {name}")
    return value


def _shown(value: object) -> str:
    return repr(value) if len(repr(value)) <= 40 else f"{repr(value)[:40]}..."
