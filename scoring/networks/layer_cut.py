"""A network cut off at one of its layers: what is above is left out."""

from typing import TYPE_CHECKING

from scoring.errors import ModelError

if TYPE_CHECKING:
    import keras

_NUM_NAMED = 6


def cut_at(network: "keras.Model", layer: str | None, called: str, name: str | None = None) -> "keras.Model":
    """Keep a network up to one layer; what is spatial there is averaged over positions.

    Args:
        network: A network of one input.
        layer: The layer whose outputs are the features; None for what the last layer with weights takes.
        called: What the user calls the network.
        name: Name of the network that is returned.

    Returns:
        From what the network takes to features, shape (batch, num_features).

    Raises:
        ModelError: If there is no such layer, or it has no vector for each image.
    """
    import keras

    features = _features_of(network, layer, called)
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D(name="average_over_positions")(features)
    return keras.Model(network.inputs, features, name=name)


def cut_spatial(network: "keras.Model", layer: str | None, called: str) -> "keras.Model":
    """Keep a network up to one layer, spatial or not; for arguments and errors see `cut_at`.

    Returns:
        From what the network takes to features, shape (batch, height, width, channels) or (batch, num_features).
    """
    import keras

    return keras.Model(network.inputs, _features_of(network, layer, called))


def _features_of(network: "keras.Model", layer: str | None, called: str) -> "keras.KerasTensor":
    features = _inputs_of_last(network, called) if layer is None else _outputs_of(network, layer, called)
    if len(features.shape) not in (2, 4) or features.shape[-1] is None:
        raise ModelError(f"Expected a layer with one vector for each image; {layer} has {features.shape}.")
    return features


def _inputs_of_last(network: "keras.Model", called: str) -> "keras.KerasTensor":
    with_weights = [layer for layer in network.layers if layer.weights]
    if not with_weights:
        raise ModelError(f"Expected a trained network; {called} has no weights.")
    return with_weights[-1].input


def _outputs_of(network: "keras.Model", layer: str, called: str) -> "keras.KerasTensor":
    names = [each.name for each in network.layers]
    if layer not in names:
        raise ModelError(
            f"Expected `features` to be a layer of {called}; received {layer}. Its last ones are "
            f"{', '.join(names[-_NUM_NAMED:])}."
        )
    return network.get_layer(layer).output
