"""A command's result as one JSON object, for machines: the fields that the function of its name returns in Python."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from scoring import __version__
from scoring.storage.redaction import redact


def as_json(command: str, result: object, also: Mapping[str, object] | None = None) -> str:
    """One line: the command, our version, the fields of its result, a dataclass, and what else there is to say of it.

    Places are text, dataclasses objects, and what is no number or not known is null.
    """
    return json.dumps({"command": command, "version": __version__, **_plain(result), **_plain(also or {})})


def _plain(value: Any) -> Any:
    """The value as JSON can hold it."""
    if is_dataclass(value) and not hasattr(value, "__truediv__"):  # a URL is a place
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int):
        return value
    return redact(str(value.value if isinstance(value, Enum) else value))
