"""Layers and functions that earlier versions of Keras computed in another way, under the same name.

A file holds names and options; what they mean is decided by the Keras that loads it. It raises nothing, and scores.
"""

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from scoring.errors import ModelError
from scoring.networks.keras_2_architecture import in_keras_3
from scoring.networks.keras_architecture import ARCHITECTURE_FILE
from scoring.networks.keras_versions import entry_in, to_minor, version_in
from scoring.storage.locations import Location
from scoring.storage.reading import open_file

_Entry: TypeAlias = dict[str, Any]  # what a file says of a layer
_HARD_SIGMOID = "hard_sigmoid"
_KERAS_2 = (2, 0)  # the first that is judged: earlier ones wrote other files
_WEIGHTS = "weights"  # in the place of an architecture
_SHOWN = 5  # names of layers


@dataclass(frozen=True)
class _Change:
    """What other versions of Keras mean by a layer or function, and what to do about it."""

    what: str
    since: tuple[int, int]  # major and minor version of the first of them
    before: tuple[int, int]  # and of the first that means it as this one does
    is_in: Callable[[_Entry], bool]
    meanings: str
    way: str


def _has_hard_sigmoid(layer: _Entry) -> bool:
    """Whether a layer's function is hard_sigmoid, by its name or as Keras 2 wrote functions."""
    chosen = [value for key, value in layer["config"].items() if key.endswith("activation")]
    return f'"{_HARD_SIGMOID}"' in json.dumps(chosen)


def _crops(layer: _Entry) -> bool:
    """Whether a layer is a RandomCrop that changes the size of what it gets, as far as is known."""
    own = layer["config"]
    if layer.get("class_name") != "RandomCrop":
        return False
    match layer.get("build_config"):
        case {"input_shape": [*shape]}:
            pass
        case _:
            return True
    sides = shape[-2:] if own.get("data_format") == "channels_first" else shape[-3:-1]
    return list(sides) != [own.get("height"), own.get("width")]


_CHANGES = (
    _Change(
        "RandomCrop",
        _KERAS_2,
        (3, 8),  # keras 3.7.0 and 3.8.0, layers/preprocessing/image_preprocessing/random_crop.py: transform_images
        _crops,
        "which crops in scoring, too, there, and in training alone here",
        "Put a Cropping2D, CenterCrop or Resizing that does the same in its place there, and save it again.",
    ),
    _Change(
        _HARD_SIGMOID,
        _KERAS_2,
        (3, 0),  # tf_keras 2.21.0, backend.py: 0.2x + 0.5; keras 3.15.1: x/6 + 0.5
        _has_hard_sigmoid,
        "which is 0.2x + 0.5 between 0 and 1 there, and x/6 + 0.5 here",
        "Build it in Keras 3 by code with Rescaling(0.2, 0.5) and ReLU(max_value=1) in its place, load_weights of what "
        "was saved as .h5 there, and save it as .keras; a recurrent layer takes no other, and is trained again.",
    ),
    _Change(
        "dot_product_attention",
        (3, 6),  # keras 3.6.0, backend/tensorflow/nn.py: logits times logits; 3.7.0: logits times scale
        (3, 7),
        lambda layer: layer.get("class_name") == "DotProductAttention",
        "which squares its scores in TensorFlow there, and scales them here",
        "If it was trained with TensorFlow, train it again; if not, load it with Keras here and save it again.",
    ),
)


def refuse_changed_layers(path: Path) -> None:
    """Raise ModelError if a `.keras` file has a layer that this Keras computes in another way than the one it is of.

    What is not as Keras writes it is left to who loads it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            version, change = version_in(archive), _change_of(archive)
    except (OSError, zipfile.BadZipFile):
        return
    if change is not None:
        import keras

        raise ModelError(
            f"Expected a model that Keras {keras.__version__} computes as Keras {version} does, which saved it; {path} "
            f"has {change}"
        )


def has_changed_layers(archive: zipfile.ZipFile) -> bool:
    """Whether an open `.keras` file has such a layer."""
    return _change_of(archive) is not None


def _change_of(archive: zipfile.ZipFile) -> str | None:
    return _change_in(entry_in(archive, ARCHITECTURE_FILE), version_in(archive))


def hdf5_advice(place: Location) -> str:
    """What to do with a file in Keras' earlier format, by the Keras that saved it and by what it has."""
    saved, config = _of_hdf5(place)
    if config is _WEIGHTS:
        return (
            "It holds weights alone: of a classifier of keras.applications, name that, and the file as `weights`; of "
            "others, build the network in Keras 3 by code, load_weights them and save it as .keras"
        )
    if change := _change_in(config, saved):
        return f"Keras {saved}, which saved it, and Keras 3 do not compute it alike: it has {change.removesuffix('.')}"
    if not _is_of_keras_2(config):
        return "Load it with Keras and save it as .keras"
    names = f"{place.name!r}, {place.name.removesuffix(place.suffix) + '.keras'!r}"
    return (
        "Keras 3 need not load what Keras 2 wrote. In the file's folder, run: "
        f'python -c "from scoring.networks.keras_2_files import save_as_keras; save_as_keras({names})"'
    )


def _is_of_keras_2(config: Any) -> bool:
    try:
        return bool(in_keras_3(config) != config)
    except (LookupError, AttributeError, TypeError, ValueError):  # it is of nobody
        return False


def _of_hdf5(place: Location) -> tuple[str, Any]:
    """The version that saved a file in Keras' earlier format, and its architecture; nothing of what is none."""
    try:
        import h5py

        with open_file(place) as file, h5py.File(file) as model:
            attributes = dict(model.attrs)
        if "model_config" not in attributes:
            return "", _WEIGHTS
        return str(attributes.get("keras_version", "")), json.loads(attributes["model_config"])
    except Exception:  # h5py has many words for a broken file, which is refused in any case  # noqa: BLE001
        return "", None


def _change_in(config: Any, version: str) -> str | None:
    """What an architecture has that the Keras that saved it meant in another way, and what to do; None of nothing."""
    for change in _CHANGES:
        if change.since <= to_minor(version) < change.before:
            names = [_name_of(layer) for layer in _layers_in(config) if change.is_in(layer)]
            if names:
                shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
                return f"{change.what} ({shown}), {change.meanings}. {change.way}"
    return None


def _name_of(layer: _Entry) -> str:
    """A layer's name, or an operation's, which stands beside its options."""
    return str(layer["config"].get("name") or layer.get("name"))


def _layers_in(config: Any) -> Iterator[_Entry]:
    """Whatever has options, within nested networks and wrappers, too, in the order of the file."""
    rest = [config]
    while rest:
        each = rest.pop()
        if isinstance(each, dict):
            if isinstance(each.get("config"), dict):
                yield each
            rest.extend(reversed(each.values()))
        elif isinstance(each, list):
            rest.extend(reversed(each))
