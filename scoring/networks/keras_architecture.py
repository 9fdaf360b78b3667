"""What a `.keras` file says of its network's layers, read without Keras."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

from scoring.networks.backbones import is_backbone
from scoring.networks.keras_2_architecture import in_keras_3

ARCHITECTURE_FILE = "config.json"  # within a `.keras` file
# Keras' layers, and operations as layers, that have no weights; and those that have a number or two for each channel.
_WEIGHTLESS = re.compile(
    r"InputLayer|Rescaling|Resizing|CenterCrop|Random\w+|\w*Pooling2D|ZeroPadding2D|Cropping2D|UpSampling2D|\w*Dropout\w*|"
    r"Activation|Softmax|\w*ReLU|ELU|Flatten|Reshape|Permute|Add|Subtract|Multiply|Average|Maximum|Concatenate|Cast|"
    r"Divide|TrueDivide|GetItem|Flip|Take|Transpose|Identity|GaussianNoise"
)
_SCALES = re.compile(r"\w*Normalization|PReLU")
_OF_VECTORS = re.compile(r"Dense|Flatten|Global\w+Pooling2D")  # whose outputs are no maps
_CHANNELS_FIRST = '"channels_first"'
_KEPT_AXES = '"keepdims": true'
_NUM_SIDES = 3  # of maps: height, width and channels, in either order
_NO_MODEL: dict[str, Any] = {"class_name": None, "config": {"layers": []}}


def stated_size(path: Path) -> tuple[int, int] | None:
    """Height and width that a `.keras` file fixes; None if it does not tell."""
    try:
        inputs = (layer["config"] for layer in _layers(architecture(path)) if layer["class_name"] == "InputLayer")
        [(_, height, width, _)] = [config["batch_shape"] for config in inputs]
    except (KeyError, TypeError, ValueError):
        return None
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None


def only_output(path: Path) -> str | None:
    """The name of a `.keras` file's only output; None if it does not tell."""
    model = architecture(path)
    if model["class_name"] == "Sequential":
        return (model["config"]["layers"][-1].get("config") or {}).get("name")
    name, outputs = None, model["config"].get("output_layers")
    while isinstance(outputs, dict) and len(outputs) == 1:
        [(key, outputs)] = outputs.items()
        name = key if name is None else f"{name}/{key}"
    while isinstance(outputs, list) and len(outputs) == 1:
        [outputs] = outputs
    is_one = isinstance(outputs, list) and len(outputs) == 3 and isinstance(outputs[0], str)
    return (name or outputs[0]) if is_one else None  # of a layer: its name, and which of its outputs


def has_no_classes(path: Path) -> bool:
    """Whether a network gives features, as `is_backbone` says it; earlier versions cut it below its last kernel."""
    return is_backbone(architecture(path))


def is_one_list(path: Path) -> bool:
    """Whether the last layer with weights is a nested list of layers, with no learned kernel below it.

    Earlier versions took pixels for the features of such a network.
    """
    *below, last = _with_weights(architecture(path))
    return last["class_name"] == "Sequential" and all(_SCALES.fullmatch(layer["class_name"]) for layer in below)


def is_cut_channels_first(path: Path, layer: str | None) -> bool:
    """Whether a network has layers with channels first, and may be cut at their maps.

    Earlier versions averaged the channels of such maps.

    Args:
        path: A `.keras` file.
        layer: Where it is cut; None is below its classes.
    """
    model = architecture(path)
    if _CHANNELS_FIRST not in json.dumps(model):
        return False
    if layer is None:
        return bool(_with_weights(model)[-1]["class_name"] != "Dense")
    named = [each["class_name"] for each in _layers(model) if (each.get("config") or {}).get("name") == layer]
    return not all(map(_OF_VECTORS.fullmatch, named))


def may_end_in_one_position(path: Path) -> bool:
    """Whether what stands below a network's classes may be maps of one position, as in MobileNet.

    Earlier versions pooled such maps in every way that was asked for, to the same vector.
    """
    model = architecture(path)
    last = _with_weights(model)[-1]
    match last.get("build_config"):
        case {"input_shape": [_, *sides]} if None not in sides:
            return len(sides) == _NUM_SIDES and [1, 1] in (sides[:2], sides[1:])
    return _KEPT_AXES in json.dumps(model) and last["class_name"] != "Dense"


def has_nested_networks(path: Path) -> bool:
    """Whether some of a `.keras` file's layers are networks.

    Earlier versions took what these give for maps with channels last where none of their layers told otherwise.
    """
    return any("layers" in (layer.get("config") or {}) for layer in _layers(architecture(path)))


def architecture(path: Path) -> dict[str, Any]:
    """What a `.keras` file says of its layers; a model of none if it does not tell.

    A network of a class that does not write its layers stands for them.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            model: dict[str, Any] = in_keras_3(json.loads(archive.read(ARCHITECTURE_FILE)))
        match model:
            case {"class_name": str(), "compile_config": _, "config": dict(config)} if "layers" not in config:
                return {"class_name": "Sequential", "config": {"layers": [model]}}
        _with_weights(model)
    except (KeyError, TypeError, ValueError, RecursionError, zipfile.BadZipFile):
        return _NO_MODEL
    return model


def _with_weights(model: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers with weights of the network that the classes stand in: of a nested one where the last layer is one."""
    found = [layer for layer in _layers(model) if not _WEIGHTLESS.fullmatch(layer["class_name"])]
    if not found:
        return [_NO_MODEL]
    return _with_weights(found[-1]) if found[-1]["class_name"] == "Functional" else found


def _layers(model: dict[str, Any]) -> list[dict[str, Any]]:
    return model["config"]["layers"]  # type: ignore[no-any-return]
