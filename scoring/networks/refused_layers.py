"""Why Keras does not load a `.keras` file, in words that help whoever saved it."""

import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scoring.networks.keras_architecture import ARCHITECTURE_FILE
from scoring.networks.keras_versions import keras_2, newer_keras, older_keras
from scoring.networks.library_words import sentence_of, words_of

_CAUSE = "Exception encountered:"  # what Keras writes before the reason
_CONFIG = "Full object config:"  # and behind it
_UNKNOWN = re.compile(r"Could not locate (class|function) '([^']+)'")
_OPTIONS = re.compile("(Unrecognized|unexpected) keyword argument")
_UNSAFE = re.compile("deserialization of a `?(Lambda|TFSMLayer)`?")
# What Keras says of a function without a name, such as an activation: what it was written as, or its class.
_LAMBDA = re.compile("interpret activation function identifier: {'value':|deserialization of a Python lambda")
_OVERRIDE = "If you trust the source"  # behind which Keras tells its callers how to run it all the same
# What Python says, and not Keras, where an entry of the architecture is of another kind, or missing.
_OF_PYTHON = re.compile(r"argument of type '|'\w+' object |(?:list|string) indices |\W?There is no item named")
_NOT_HERE = re.compile(r"class '([^']+)' because its parent module (keras_\w+)\S* cannot be imported")
_ADVICE = " Use layers of Keras' own instead, such as Rescaling, and save the model again."
_PREPROCESSING = "preprocess_input"  # of each module of keras.applications
_AGAIN = " Save the model again with Keras 3, or copy its file again."
_SHOWN = 5


def reason_of(error: Exception, path: Path) -> str:
    """What Keras means by an error at loading a file, and what to do about code that the file would bring."""
    # Each level of a nested model repeats its whole architecture before it says what is wrong inside.
    reason = str(error).rpartition(_CAUSE)[2].partition(_CONFIG)[0]
    if unknown := _UNKNOWN.search(reason):
        if older := keras_2(path):
            return f"its {unknown[1]} {unknown[2]} is none that Keras 3 knows.{older}"
        if unknown[1] == "function" and (known := _saved_by_name(unknown[2])):
            return known
        return f"its {unknown[1]} {unknown[2]} is none of Keras' own.{newer_keras(path) or _ADVICE}"
    if unsafe := _UNSAFE.search(reason):
        return _what_is_not_run(unsafe[1], path)
    if _LAMBDA.search(reason):
        return f"it has a Python lambda, as in `activation=lambda x: x`, which is not run.{_ADVICE}"
    if _OVERRIDE in reason:
        return words_of(reason.partition(_OVERRIDE)[0]) + _ADVICE
    if absent := _NOT_HERE.search(reason):
        package = absent[2].replace("_", "-")
        return f"its class {absent[1]} is of {package}, which cannot be imported here: pip install -U {package}."
    versions = newer_keras(path) or keras_2(path) or older_keras(path, bool(_OPTIONS.search(reason)))
    if _OF_PYTHON.match(reason.lstrip()) or isinstance(error, json.JSONDecodeError):
        writer = "Keras 3" if keras_2(path) else "Keras"
        return f"its {ARCHITECTURE_FILE} is not as {writer} writes it: {sentence_of(reason)}{versions or _AGAIN}"
    return words_of(reason) + versions


def _saved_by_name(function: str) -> str | None:
    """What helps where Keras has such a function and does not find it by its name; None if it has none."""
    import keras

    is_preprocessing = function == _PREPROCESSING
    if not is_preprocessing and not hasattr(keras.ops, function):
        return None
    without = ", or save it without that and name `pixels` caffe, torch or -1..1, as fits" if is_preprocessing else ""
    return (
        f"its function {function} was saved by its name alone, as in a Lambda layer, by which Keras does not find it. "
        f"Call {function}(inputs) directly in the model, without a layer around it, and save it again{without}."
    )


def _what_is_not_run(kind: str, path: Path) -> str:
    names = _layers_where(path, lambda layer: layer["class_name"] == kind)
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    if kind == "Lambda":
        return (
            f"it has Python code in Lambda layers ({shown}), which is not run. Use layers of Keras' own instead, such "
            f"as Rescaling, or call its functions, such as {_PREPROCESSING}, directly in the model, and save it again."
        )
    return (
        f"its TFSMLayer ({shown}) is a SavedModel of TensorFlow's outside of it, which is not run. Save the model that "
        "this was made of as .keras."
    )


def stateful_layers(path: Path) -> list[str]:
    """Names of a file's layers that carry a state from one batch to the next, so that outputs depend on the order."""
    return _layers_where(path, lambda layer: layer["config"].get("stateful") is True)


def _layers_where(path: Path, is_meant: Callable[[dict[str, Any]], bool]) -> list[str]:
    names: list[str] = []

    def look(entry: dict[str, Any]) -> dict[str, Any]:
        if "class_name" in entry and isinstance(entry.get("config"), dict) and is_meant(entry):
            names.append(entry["config"]["name"])
        return entry

    with zipfile.ZipFile(path) as archive:
        json.loads(archive.read(ARCHITECTURE_FILE), object_hook=look)
    return names
