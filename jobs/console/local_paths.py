"""Values of options that are paths relative to this folder, which no other machine would find."""

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from jobs.console.places import URL_AS_PATH
from scoring.networks.applications import application_of
from scoring.networks.base_request import VGG16_CONVOLUTIONS
from scoring.networks.vgg16 import RANDOM_WEIGHTS
from scoring.sonar.returns import UCI
from scoring.storage.locations import Url

_NAMES = (UCI, RANDOM_WEIGHTS, VGG16_CONVOLUTIONS)  # they mean no file, whatever lies here


def local_paths(function: Callable[..., Any], given: Mapping[str, Any]) -> Iterator[tuple[inspect.Parameter, str]]:
    """The relative paths among what a command was given.

    Args:
        function: What the command calls. `PlaceWord` is the type of what always names a file or folder, `str | Path` of
            what may be a name of ours instead.
        given: Values by the names of its parameters.
    """
    for parameter in inspect.signature(inspect.unwrap(function)).parameters.values():
        value = given.get(parameter.name)
        for each in value if isinstance(value, list | tuple) else [value]:
            if each is not None and _is_local(parameter, str(each)):
                yield parameter, str(each)


def _is_local(parameter: inspect.Parameter, value: str) -> bool:
    kinds = get_args(parameter.annotation)
    if Path not in kinds or URL_AS_PATH.match(value) or Path(value).is_absolute():
        return False
    if Url in kinds:
        return True
    is_name = value == parameter.default or value in _NAMES or application_of(value)
    return not is_name and (_is_like_path(value) or os.path.exists(value))  # noqa: PTH110  # of any length


def _is_like_path(text: str) -> bool:
    return "," not in text and ("/" in text or bool(Path(text).suffix))
