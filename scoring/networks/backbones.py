"""Networks without classes: what they give are features, as far as their architecture tells; read without Keras."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any, TypeAlias

from scoring.networks.compiled_loss import losses_of

_Config: TypeAlias = dict[str, Any]
_Place: TypeAlias = tuple[str, int, int]  # a layer, which of its calls, and which of that call's outputs

# Activations, as functions, layers or operations, that nobody lets classes end in: those that a half of all numbers go
# through unchanged. A hyperbolic tangent may stand for two classes.
_RECTIFIER = re.compile(r"\w*lu\d*|\w*swish|mish")
_SCALES = re.compile(r"(Batch|Layer|Group|RMS|Unit)?Normalization|Normalize")
_CONVOLUTION = re.compile(r"(Separable|Depthwise)?Conv2D")
# After these, values are features if some of what they take are: weights of attention may scale them.
_PASSING = re.compile(
    r"Activation|Add|Average|Cast|Concatenate|Cropping2D|Divide|\w*Dropout\w*|ExpandDims|Flatten|GaussianNoise|GetItem|"
    r"Identity|Max|Maximum|Mean|Minimum|Moveaxis|Multiply|Permute|\w*Pooling[12]D|Rescaling|Reshape|Resizing|Squeeze|"
    r"Stack|Subtract|Sum|Swapaxes|Transpose|TrueDivide|UpSampling2D|ZeroPadding2D"
)


def is_backbone(model: _Config) -> bool:
    """Whether the only output of a network is no class scores, but features: maps, or what was pooled of maps.

    Probabilities are none, and values of a dense layer or of a convolution over single places are logits, unless
    something stands behind them that would make no sense behind logits: a rectifier, or a normalisation.

    Args:
        model: Its architecture, as in a `.keras` file; where that does not tell, it is none.
    """
    try:
        return _gives_features(model, [], None)
    except (IndexError, KeyError, RecursionError, TypeError, ValueError):
        return False


def has_targets(model: _Config) -> bool:
    """Whether a network, or one within it, was compiled with a loss of classes."""
    within = (layer for layer in model["config"].get("layers", []) if "layers" in layer["config"])
    return _is_trained_on(model, None) or any(map(has_targets, within))


def _gives_features(model: _Config, entered: Iterable[bool], output: int | None) -> bool:
    """Whether a network gives features.

    Args:
        model: Its architecture.
        entered: Whether each of its inputs is a feature, if it is nested in another.
        output: Which of its outputs; None is the only one.
    """
    layers = model["config"]["layers"]
    if model["class_name"] == "Sequential":
        return not _is_trained_on(model, None) and _listed(layers, next(iter(entered), False))
    places = _places(model["config"]["output_layers"])
    if output is None:
        [place] = places
    else:
        place = places[output]
    if _is_trained_on(model, place[0]):
        return False
    found = dict(zip(_places(model["config"].get("input_layers")), entered, strict=False))
    named = {layer["config"]["name"]: layer for layer in layers}
    return _within(named, _as_within(named, place), found)


def _is_trained_on(model: _Config, output_name: str | None) -> bool:
    """Whether an output was compiled with such a loss."""
    return any(not loss.is_of_features for loss in losses_of(model, output_name))


def _as_within(layers: dict[str, _Config], place: _Place) -> _Place:
    """The place of an output as layers write it: Keras counts the calls of a nested graph there from one."""
    name, call, output = place
    return name, call - _is_graph(layers[name]), output


def _is_graph(layer: _Config) -> bool:
    """Whether a layer is a network, and no list of layers."""
    return "layers" in layer["config"] and layer["class_name"] != "Sequential"


def _listed(layers: list[_Config], entered: bool) -> bool:
    """Whether what a list of layers gives is features."""
    if not layers:
        return entered
    *below, last = layers
    taken = (_listed(below, entered) for _ in range(1))
    return entered if last["class_name"] == "InputLayer" else _are_features(last, taken, 0)


def _within(layers: dict[str, _Config], place: _Place, found: dict[_Place, bool]) -> bool:
    """Whether a tensor of a graph is features.

    Args:
        layers: By name.
        place: Where the tensor comes from.
        found: What is known of inputs, and of what was looked at: branches that meet again are followed once.
    """
    name, call, output = place
    if place not in found:
        layer = layers[name]
        nodes = layer["inbound_nodes"]
        taken = map(partial(_within, layers, found=found), _tensors(nodes[call] if nodes else None))
        found[place] = _are_features(layer, taken, output)
    return found[place]


def _are_features(layer: _Config, taken: Iterator[bool], output: int) -> bool:
    """Whether what a layer gives is features.

    Args:
        layer: Of an architecture.
        taken: Whether each of its inputs is; looked at where that tells.
        output: Which of its outputs, if it is a network.
    """
    kind, config = layer["class_name"], layer["config"]
    if "layers" in config:
        return _gives_features(layer, list(taken), output)
    function = _name_of(config.get("activation"))
    if _SCALES.fullmatch(kind) or _RECTIFIER.fullmatch((function or kind).lower()):
        return True
    if function not in (None, "linear"):
        return False
    if _CONVOLUTION.fullmatch(kind):
        return not _is_dense(layer)
    return bool(_PASSING.fullmatch(kind)) and any(taken)


def _is_dense(convolution: _Config) -> bool:
    """Whether a convolution does what a dense layer does: at each place, or over all of them at once."""
    kernel, (_, *sides) = convolution["config"]["kernel_size"], convolution["build_config"]["input_shape"]
    return kernel in ([1, 1], sides[:2], sides[1:])


def _name_of(function: Any) -> str | None:
    """The name of an activation, or of the layer that stands for one."""
    if isinstance(function, dict):
        function = function["config"] if function["class_name"] == "function" else function["class_name"]
    return None if function is None else str(function)


def _tensors(part: Any) -> Iterator[_Place]:
    """Where the tensors come from that a part of a call takes."""
    if isinstance(part, dict) and part.get("class_name") == "__keras_tensor__":
        yield tuple(part["config"]["keras_history"])
    elif isinstance(part, dict | list):
        for each in part.values() if isinstance(part, dict) else part:
            yield from _tensors(each)


def _places(outputs: Any) -> list[_Place]:
    """The tensors that an architecture names as inputs or outputs, whatever they are wrapped in."""
    if isinstance(outputs, list) and len(outputs) == 3 and isinstance(outputs[0], str):
        return [tuple(outputs)]
    each = outputs.values() if isinstance(outputs, dict) else outputs or []
    return [place for one in each for place in _places(one)]
