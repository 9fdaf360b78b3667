"""A network cut off at one of its layers: what is above is left out, and what is spatial there becomes one vector."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from scoring.errors import ModelError
from scoring.networks.backbones import has_targets, is_backbone
from scoring.networks.below_classes import PROBABILITIES, inputs_of_last, model_to, only_scales
from scoring.networks.channel_axis import channels_last
from scoring.networks.graph_steps import step_of
from scoring.networks.last_activation import last_activation

if TYPE_CHECKING:
    import keras

_NUM_NAMED = 6
_FEW = 32  # values: features are rarely fewer


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
    return model_to(network, features, called, name)


def cut_spatial(
    network: "keras.Model", layer: str | None, called: str, written: dict[str, Any] | None = None
) -> "keras.Model":
    """Keep a network up to one layer, spatial or not; for arguments and errors see `cut_at`.

    Returns:
        From what the network takes to features, shape (batch, height, width, channels) or (batch, num_features).
    """
    return model_to(network, _features_of(network, layer, called, written), called)


def has_positions(shape: Sequence[int | None]) -> bool:
    """Whether outputs of a shape are maps; of one position they are a vector, in whichever way they are pooled."""
    return len(shape) == 4 and tuple(shape[1:3]) != (1, 1)


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
        features, where = inputs_of_last(network, called, gives_classes), "its last layer with weights takes"
    if isinstance(features, list | tuple | dict):
        raise ModelError(
            f"Expected `features` to name a layer of {called} with one vector for each image; {where} several tensors."
        )
    features = channels_last(features)
    if len(features.shape) not in (2, 4) or features.shape[-1] is None:
        raise ModelError(
            f"Expected `features` to name a layer of {called} with one vector for each image; {where} shape "
            f"{features.shape}."
        )
    return features


def _has_no_classes(network: "keras.Model", written: dict[str, Any] | None) -> bool:
    """Whether a network's own outputs are features; to write down the architecture of a large one takes a second."""
    if not network.weights or last_activation(network) in PROBABILITIES:
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
    layers = (layer for layer in network.layers if not only_scales(layer))
    kernels = [weight for layer in layers for weight in layer.weights if len(weight.shape) > 1]
    return int(kernels[-1].shape[-2]) if kernels else 0


def _pooled(maps: "keras.KerasTensor", pooling: Pooling) -> "keras.KerasTensor":
    """Vectors, shape (batch, num_features), of maps, shape (batch, height, width, num_channels)."""
    import keras

    mean = keras.layers.GlobalAveragePooling2D(name="average_over_positions")
    largest = keras.layers.GlobalMaxPooling2D(name="maximum_over_positions")
    if pooling is Pooling.MEAN_MAX:
        return keras.layers.Concatenate(name="average_and_maximum")([mean(maps), largest(maps)])
    return (largest if pooling is Pooling.MAX else mean)(maps)


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
