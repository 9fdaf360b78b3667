"""Architectures as Keras 2 wrote them, in Keras 3's words: what means the same under another name, or says nothing.

What Keras 3 does not know at all is left, and refused by it.
"""

from typing import Any, TypeAlias

_Config: TypeAlias = Any  # what JSON holds
_GRAPH = "Functional"
_GRAPH_MODULE = "keras.src.models.functional"  # as Keras 3 writes it
_ONE_GROUP = {"groups": 1}
_ANY = object()
# What Keras 2.21 writes and Keras 3.15 refuses, by the start of a layer's name, and the value that says nothing there.
_UNTAKEN: dict[str, dict[str, _Config]] = {
    "DepthwiseConv": _ONE_GROUP,
    "SeparableConv": {"kernel_initializer": _ANY, "kernel_regularizer": _ANY, "kernel_constraint": _ANY, **_ONE_GROUP},
    "Conv1DTranspose": _ONE_GROUP,
    "Conv2DTranspose": _ONE_GROUP,
    "Conv3DTranspose": _ONE_GROUP,
    "Random": {"rng_type": _ANY},  # they do nothing in scoring
    "SpatialDropout": {"trainable": _ANY, "noise_shape": _ANY},  # nor do these
    "RNN": {"time_major": False},
    "SimpleRNN": {"time_major": False},
    "LSTM": {"time_major": False},
    "GRU": {"time_major": False},
    "ConvLSTM": {"time_major": False},
}


def in_keras_3(config: _Config) -> _Config:
    """The same architecture, as Keras 3 takes it; one that Keras 3 wrote is as it was.

    Args:
        config: What Keras wrote as `config.json`, or as `model_config` of its earlier format. Left unchanged.
    """
    return _renamed(_changed(config), _new_names(config))


def _changed(part: _Config) -> _Config:
    if isinstance(part, list):
        return [_changed(each) for each in part]
    if not isinstance(part, dict):
        return part
    changed = {key: _changed(value) for key, value in part.items()}
    if str(changed.get("module", "keras")).partition(".")[0] not in ("keras", "tf_keras"):
        return changed
    match changed:
        case {"class_name": "Policy", "config": {"name": name}}:
            return name
        case {"config": {"layers": list(layers), "input_layers": _, "output_layers": _}}:
            is_old = any(isinstance(node, list) for layer in layers for node in layer["inbound_nodes"])
            return _graph(changed) if is_old else changed
        case {"class_name": str(kind), "config": dict(own)}:
            return {**changed, "config": _options(kind, own, "module" in changed)}
    return changed


def _options(kind: str, own: _Config, is_keras_file: bool) -> _Config:
    """A layer's options, less those that Keras 3 does not take.

    Args:
        kind: Its class.
        own: What was written.
        is_keras_file: Whether it stands in a `.keras` file, where lists of layers begin with their input.
    """
    refused = {key: value for start, keys in _UNTAKEN.items() if kind.startswith(start) for key, value in keys.items()}
    if is_keras_file and kind != "InputLayer":
        refused["batch_input_shape"] = _ANY
    kept = {key: value for key, value in own.items() if key not in refused or refused[key] not in (_ANY, value)}
    match kept:
        case {"axis": [axis]} if kind == "BatchNormalization":
            kept["axis"] = axis
    return kept


def _graph(network: _Config) -> _Config:
    """A network of Keras 2, whose class Keras 3 finds, and whose calls are written as it writes them."""
    own = network["config"]
    nested = {layer["name"]: layer["class_name"] for layer in own["layers"] if _counts_from_one(layer)}
    layers = [
        {**layer, "inbound_nodes": [_call(node, nested) for node in layer["inbound_nodes"]]} for layer in own["layers"]
    ]
    ends = {key: _ends(own[key], nested) for key in ("input_layers", "output_layers")}
    is_graph = "module" in network and network["class_name"] == _GRAPH
    return {**network, **({"module": _GRAPH_MODULE} if is_graph else {}), "config": {**own, "layers": layers, **ends}}


def _counts_from_one(layer: _Config) -> bool:
    """Whether Keras 2 counts a layer's calls from 1: those of a network that knew its inputs before."""
    match layer["config"]:
        case {"layers": [{"class_name": first}, *_], **options}:
            return "output_layers" in options or first == "InputLayer"
    return False


def _call(node: _Config, nested: dict[str, str]) -> _Config:
    """One call of a layer, as Keras 3 writes and counts it."""
    match node:
        case [[str(), int(), int(), dict(options)], *_]:
            tensors = [_tensor(name, call - (name in nested), output) for name, call, output, *_ in node]
            return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": options}
    return node


def _ends(tensors: _Config, nested: dict[str, str]) -> _Config:
    """A network's inputs or outputs, as Keras 3 writes and counts them: it takes a list of one for a list."""
    match tensors:
        case [str(name), int(call), int(output)]:
            return [name, call - (nested.get(name, _GRAPH) == "Sequential"), output]
        case [one]:
            return _ends(one, nested)
        case list():
            return [_ends(each, nested) for each in tensors]
        case dict():
            return {key: _ends(each, nested) for key, each in tensors.items()}
    return tensors


def _tensor(name: str, call: int, output: int) -> _Config:
    about = {"shape": [None], "dtype": "float32", "keras_history": [name, call, output]}
    return {"class_name": "__keras_tensor__", "config": about}


def _new_names(config: _Config) -> dict[str, str]:
    """What layers are called whose names Keras 3 does not take."""
    names: dict[str, str] = {}
    rest = [config]
    while rest:
        each = rest.pop()
        if isinstance(each, dict):
            own = each.get("config")
            name = own.get("name") if isinstance(own, dict) else None
            if isinstance(name, str) and "/" in name:
                names[name] = name.replace("/", "_")
        if isinstance(each, dict | list):
            rest.extend(each.values() if isinstance(each, dict) else each)
    return names


def _renamed(part: _Config, names: dict[str, str]) -> _Config:
    if isinstance(part, list):
        return [_renamed(each, names) for each in part]
    if isinstance(part, dict):
        return {key: _renamed(value, names) for key, value in part.items()}
    return names.get(part, part) if isinstance(part, str) else part
