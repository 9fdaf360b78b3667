"""Values of options that are paths relative to this folder, which no other machine would find."""

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from jobs.console.places import URL_AS_PATH, is_in_job_folder, without_scheme
from scoring.errors import RequestError
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
    for parameter, value in _given(inspect.unwrap(function), given):
        if _is_local(parameter, value):
            yield parameter, value


def check_outlives_job(function: Callable[..., Any], given: Mapping[str, Any]) -> None:
    """Refuse places in the folder that Ray has unpacked for the job as which this process runs.

    Args:
        function: See `local_paths`.
        given: Likewise. Files of a model that are named by absolute paths are taken: every node has them, or says so.

    Raises:
        RequestError: It names the field.
    """
    for parameter, value in _given(function, given):
        is_relative = _is_local(parameter, value) and not value.startswith("~")
        is_place = Url in get_args(parameter.annotation) and Path(value).is_absolute()
        if is_relative or (is_place and is_in_job_folder(value)):
            is_default = value == str(parameter.default)
            raise RequestError(
                f"Expected `{parameter.name}` as every node sees it: a URL, or an absolute path outside of the job's "
                f"own folder. {'By default it is' if is_default else 'Received'} {value!r}, which lies in that folder: "
                "Ray leaves out what .gitignore names, and removes the folder and what is written there."
            )


def _given(function: Callable[..., Any], given: Mapping[str, Any]) -> Iterator[tuple[inspect.Parameter, str]]:
    for parameter in inspect.signature(function).parameters.values():
        value = given.get(parameter.name) if Path in get_args(parameter.annotation) else None
        for each in value if isinstance(value, list | tuple) else [value]:
            if each is not None:
                yield parameter, without_scheme(str(each))


def _is_local(parameter: inspect.Parameter, value: str) -> bool:
    if URL_AS_PATH.match(value) or Path(value).is_absolute():
        return False
    if Url in get_args(parameter.annotation):
        return True
    is_name = value == parameter.default or value in _NAMES or application_of(value)
    return not is_name and (_is_like_path(value) or os.path.exists(value))  # noqa: PTH110  # of any length


def _is_like_path(text: str) -> bool:
    return "," not in text and ("/" in text or bool(Path(text).suffix))
