"""A network cut off at one of its layers: what is above is left out, and what is spatial there becomes one vector."""

import json
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scoring.errors import ModelError
from scoring.networks.backbones import has_targets, is_backbone
from scoring.networks.graph_steps import step_of
from scoring.networks.last_activation import LOG_SOFTMAX, SIGMOID, SOFTMAX, last_activation
from scoring.networks.library_words import words_of

if TYPE_CHECKING:
    import keras

_NUM_NAMED = 6
_FEW = 32  # values: features are rarely fewer
_LAST = 3  # where the channels of maps stand, unless layers tell otherwise
# What puts axes into another order, as NumPy does it.
_TURNING: dict[str, Callable[[npt.NDArray[Any], Any], npt.NDArray[Any]]] = {
    "Permute": lambda array, layer: array.transpose(0, *layer.dims),
    "Transpose": lambda array, operation: array.transpose(operation.axes),
    "Moveaxis": lambda array, operation: np.moveaxis(array, operation.source, operation.destination),
    "Swapaxes": lambda array, operation: array.swapaxes(operation.axis1, operation.axis2),
}
_SCALES = ("LayerNormalization", "PReLU")  # which may have a number for each place as well as for each channel
_PROBABILITIES = (SOFTMAX, LOG_SOFTMAX, SIGMOID)
_REARRANGING = ("Reshape", "Einsum")  # what may do so with what nobody tells


class Pooling(StrEnum):
    """How maps become one vector, over all positions: means, maxima, or both, one after the other."""

    MEAN = "mean"
    MAX = "max"
    MEAN_MAX = "mean+max"


def cut_at(
    network: "keras.Model",
    layer: str | None,
    called: str,
    name: str | None = None,
    pooling: Pooling = Pooling.MEAN,
    written: dict[str, Any] | None = None,
) -> "keras.Model":
    """Keep a network up to one layer; what is spatial there is pooled over positions.

    Args:
        network: A network of one input.
        layer: The layer whose outputs are the features; None for what the last layer with weights takes, which gives
            the classes, or for the own outputs of a network without classes.
        called: What the user calls the network.
        name: Name of the network that is returned.
        pooling: How spatial features become a vector; vectors stay as they are.
        written: Its architecture in its file, which tells more than the network; None without a file.

    Returns:
        From what the network takes to features, shape (batch, num_features).

    Raises:
        ModelError: If there is no such layer, it has no vector for each image, or nothing tells whether the outputs are
            classes.
    """
    features = _features_of(network, layer, called, written)
    if len(features.shape) == 4:
        features = _pooled(features, pooling)
    return _model_to(network, features, called, name)


def cut_spatial(
    network: "keras.Model", layer: str | None, called: str, written: dict[str, Any] | None = None
) -> "keras.Model":
    """Keep a network up to one layer, spatial or not; for arguments and errors see `cut_at`.

    Returns:
        From what the network takes to features, shape (batch, height, width, channels) or (batch, num_features).
    """
    return _model_to(network, _features_of(network, layer, called, written), called)


def has_positions(shape: Sequence[int | None]) -> bool:
    """Whether outputs of a shape are maps; of one position they are a vector, in whichever way they are pooled."""
    return len(shape) == 4 and tuple(shape[1:3]) != (1, 1)


def _model_to(
    network: "keras.Model", features: "keras.KerasTensor", called: str, name: str | None = None
) -> "keras.Model":
    import keras

    try:
        return keras.Model(network.inputs, features, name=name)
    except ValueError as error:  # Keras' words for a tensor of another graph
        said = words_of(error)
        raise ModelError(f"Cannot cut {called} there: {said} Name another layer with `features`.") from error


def _features_of(
    network: "keras.Model", layer: str | None, called: str, written: dict[str, Any] | None
) -> "keras.KerasTensor":
    if layer is not None:
        features, where = _outputs_of(network, layer, called), f"{layer} has"
    elif _has_no_classes(network, written):
        _refuse_few(network, called)
        features, where = network.outputs[0], "its output has"
    else:
        gives_classes = written is not None and has_targets(written)
        features, where = _inputs_of_last(network, called, gives_classes), "its last layer with weights takes"
    if isinstance(features, list | tuple | dict):
        raise ModelError(
            f"Expected `features` to name a layer of {called} with one vector for each image; {where} several tensors."
        )
    features = _channels_last(features)
    if len(features.shape) not in (2, 4) or features.shape[-1] is None:
        raise ModelError(
            f"Expected `features` to name a layer of {called} with one vector for each image; {where} shape "
            f"{features.shape}."
        )
    return features


def _has_no_classes(network: "keras.Model", written: dict[str, Any] | None) -> bool:
    """Whether a network's own outputs are features; to write down the architecture of a large one takes a second."""
    if not network.weights or last_activation(network) in _PROBABILITIES:
        return False
    return is_backbone(written or json.loads(network.to_json()))


def _refuse_few(network: "keras.Model", called: str) -> None:
    """Refuse to guess whether a few values are features, where they are computed of more."""
    outputs, num_taken = network.outputs[0], _num_taken(network)
    num_values = outputs.shape[-1]
    if num_values is None or num_values >= min(_FEW, num_taken):
        return
    step, names = step_of(outputs), [layer.name for layer in network.layers]
    own = f"; {step.operation.name} gives these" if step and step.operation.name in names else ""
    raise ModelError(
        f"Cannot tell whether the outputs of {called}, {num_values} computed of {num_taken}, are features, or classes "
        f"or amounts. Name a layer with `features`{own}."
    )


def _num_taken(network: "keras.Model") -> int:
    """How many values of an image, or of a position, the last kernel takes."""
    layers = (layer for layer in network.layers if not _only_scales(layer))
    kernels = [weight for layer in layers for weight in layer.weights if len(weight.shape) > 1]
    return int(kernels[-1].shape[-2]) if kernels else 0


def _channels_last(features: "keras.KerasTensor") -> "keras.KerasTensor":
    """The same; maps whose channels stand elsewhere, as within models converted from PyTorch, are turned round."""
    import keras

    axis = _channel_axis(features, {})
    if axis in (None, _LAST):
        return features
    order = (*(side for side in range(1, _LAST + 1) if side != axis), axis)
    return keras.layers.Permute(order, name="channels_last")(features)


def _channel_axis(maps: "keras.KerasTensor", seen: dict[int, int | None]) -> int | None:
    """Where the channels of maps stand, by the layers that computed them; None where none tells.

    Args:
        maps: A tensor of the graph.
        seen: What others were found to be, by identity: branches that meet again are followed once.
    """
    if id(maps) not in seen:
        seen[id(maps)] = _told_axis(maps, seen)
    return seen[id(maps)]


def _told_axis(maps: "keras.KerasTensor", seen: dict[int, int | None]) -> int | None:
    step = step_of(maps)
    if step is None or len(maps.shape) != _LAST + 1 or step.kind in _REARRANGING:
        return None
    if step.within is not None:
        return _channel_axis(step.within, {id(entry): _channel_axis(taken, seen) for entry, taken in step.entries})
    if step.kind == "InputLayer":
        return _LAST
    if data_format := getattr(step.operation, "data_format", None):
        return 1 if data_format == "channels_first" else _LAST
    before = next((axis for each in step.inputs if (axis := _channel_axis(each, seen)) is not None), None)
    if before is None or step.kind not in _TURNING:
        return before
    return _TURNING[step.kind](np.empty(range(_LAST + 1)), step.operation).shape.index(before)


def _pooled(maps: "keras.KerasTensor", pooling: Pooling) -> "keras.KerasTensor":
    """Vectors, shape (batch, num_features), of maps, shape (batch, height, width, num_channels)."""
    import keras

    mean = keras.layers.GlobalAveragePooling2D(name="average_over_positions")
    largest = keras.layers.GlobalMaxPooling2D(name="maximum_over_positions")
    if pooling is Pooling.MEAN_MAX:
        return keras.layers.Concatenate(name="average_and_maximum")([mean(maps), largest(maps)])
    return (largest if pooling is Pooling.MAX else mean)(maps)


def _inputs_of_last(
    network: "keras.Model", called: str, gives_classes: bool = False, has_learned: bool = False
) -> "keras.KerasTensor":
    """What the last layer with weights takes.

    Args:
        network: A network, or one that is nested in it.
        called: What the user calls it.
        gives_classes: Whether classes are known to stand at the end of what it is nested in.
        has_learned: Whether there are kernels below in what it is nested in.
    """
    with_weights = [layer for layer in network.layers if layer.weights]
    if not with_weights:
        raise ModelError(f"Expected a trained network; {called} has no weights.")
    last = with_weights[-1]
    taken = _input_of(last)
    below = _model_to(network, taken, called).layers
    beside = [layer for layer in with_weights[:-1] if layer not in below]
    if beside:
        raise ModelError(
            f"Expected {called} to have one last layer with weights; {beside[-1].name} and {last.name} stand side by "
            "side. Name a layer with `features`."
        )
    if (num_calls := _num_calls(network, last)) > 1:
        raise ModelError(
            f"Expected {called} to have one last layer with weights, called once; {last.name} is called {num_calls} "
            "times, as on several views of an image. Name a layer with `features`; of one that is called several "
            "times, the first call is taken."
        )
    gives_classes = gives_classes or last_activation(network) in _PROBABILITIES
    if gives_classes and _only_scales(last):
        raise ModelError(
            f"Expected the classes of {called} to come from its last layer with weights; {last.name} only scales "
            "those of another. Name a layer below both with `features`."
        )
    has_learned = has_learned or any(map(_has_kernel, below))
    if not _is_divided(last, below):
        _refuse_pixels(network, last, taken, called, has_learned)
        return taken
    features = _inputs_of_last(last, called, gives_classes, has_learned)
    return _model_to(last, features, called)(taken)


def _num_calls(network: "keras.Model", layer: "keras.Layer") -> int:
    """How often a layer is called in a network's graph; 0 where Keras does not tell."""
    calls, seen, waiting = set(), set(), list(network.outputs)
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen or (step := step_of(tensor)) is None:
            continue
        seen.add(id(tensor))
        waiting += step.inputs
        if step.operation is layer:
            calls.add(step.call)
    return len(calls)


def _is_divided(layer: "keras.Layer", below: Sequence["keras.Layer"]) -> bool:
    """Whether a layer is a nested network to be cut within.

    A nested list of layers is taken whole where it is the classes on top of what layers below it have learned. That
    changes features: see `is_one_list`, which tells by the file alone where earlier versions took it otherwise.
    """
    import keras

    if not isinstance(layer, keras.Model) or not layer.inputs:
        return False
    return not isinstance(layer, keras.Sequential) or not any(map(_has_kernel, below))


def _refuse_pixels(
    network: "keras.Model", last: "keras.Layer", taken: "keras.KerasTensor", called: str, has_learned: bool
) -> None:
    """Refuse to take colours for features: what no kernel gave, or maps as large as the pixels below a nested list."""
    import keras

    if len(taken.shape) != 4:
        return
    is_as_large = None not in taken.shape[1:3] and taken.shape[1:3] == network.inputs[0].shape[1:3]
    if has_learned and not (is_as_large and isinstance(last, keras.Sequential)):
        return
    size = f"of {taken.shape[1]} x {taken.shape[2]}, as large as the pixels" if has_learned else "that no kernel gave"
    raise ModelError(
        f"Expected {called} to have learned features below its classes; {last.name} takes maps {size}. Name a layer "
        "with `features`."
    )


def _has_kernel(layer: "keras.Layer") -> bool:
    """Whether a layer has more than one number for a channel, as those that scale channels have."""
    return any(len(weight.shape) > 1 for weight in layer.weights)


def _only_scales(layer: "keras.Layer") -> bool:
    """Whether a layer scales each value by itself, as activations and normalisations with weights do."""
    return not _has_kernel(layer) or type(layer).__name__ in _SCALES


def _input_of(layer: "keras.Layer") -> "keras.KerasTensor":
    """What a layer takes in the graph that it stands in; a nested network's own properties tell of the graph within."""
    import keras

    return keras.Operation.input.fget(layer)


def _output_of(layer: "keras.Layer") -> "keras.KerasTensor":
    import keras

    return keras.Operation.output.fget(layer)


def _outputs_of(network: "keras.Model", layer: str, called: str) -> "keras.KerasTensor":
    names = [each.name for each in network.layers]
    if layer not in names:
        raise ModelError(
            f"Expected `features` to be a layer of {called}; received {layer}. Its last ones are "
            f"{', '.join(names[-_NUM_NAMED:])}."
        )
    return _output_of(network.get_layer(layer))
