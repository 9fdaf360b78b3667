"""What a classifier computes its classes of: what its last layer with weights takes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scoring.errors import ModelError
from scoring.networks.graph_steps import has_kernel, step_of
from scoring.networks.last_activation import LOG_SOFTMAX, SIGMOID, SOFTMAX, last_activation
from scoring.networks.library_words import sentence_of

if TYPE_CHECKING:
    import keras

_SCALES = ("LayerNormalization", "PReLU")  # which may have a number for each place as well as for each channel
PROBABILITIES = (SOFTMAX, LOG_SOFTMAX, SIGMOID)


def inputs_of_last(
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
    below = model_to(network, taken, called).layers
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
    gives_classes = gives_classes or last_activation(network) in PROBABILITIES
    if gives_classes and only_scales(last):
        raise ModelError(
            f"Expected the classes of {called} to come from its last layer with weights; {last.name} only scales "
            "those of another. Name a layer below both with `features`."
        )
    has_learned = has_learned or any(map(has_kernel, below))
    if not _is_divided(last, below):
        _refuse_pixels(network, last, taken, called, has_learned)
        return taken
    features = inputs_of_last(last, called, gives_classes, has_learned)
    return model_to(last, features, called)(taken)


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
    return not isinstance(layer, keras.Sequential) or not any(map(has_kernel, below))


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


def only_scales(layer: "keras.Layer") -> bool:
    """Whether a layer scales each value by itself, as activations and normalisations with weights do."""
    return not has_kernel(layer) or type(layer).__name__ in _SCALES


def _input_of(layer: "keras.Layer") -> "keras.KerasTensor":
    """What a layer takes in the graph that it stands in; a nested network's own properties tell of the graph within."""
    import keras

    return keras.Operation.input.fget(layer)


def model_to(
    network: "keras.Model", features: "keras.KerasTensor", called: str, name: str | None = None
) -> "keras.Model":
    """A network up to a tensor of its graph; raises ModelError for one of another graph."""
    import keras

    try:
        return keras.Model(network.inputs, features, name=name)
    except ValueError as error:  # Keras' words for a tensor of another graph
        said = sentence_of(error)
        raise ModelError(f"Cannot cut {called} there: {said} Name another layer with `features`.") from error
