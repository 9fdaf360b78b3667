"""A network that was converted for another library says what Keras says, or it is refused."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import IncompleteError, ModelError
from scoring.networks.bounded_steps import last_bounded, left_out
from scoring.networks.column_scales import column_scales
from scoring.networks.engines import EngineName
from scoring.networks.keras_engine import forward
from scoring.networks.last_activation import NONE, SIGMOID, SOFTMAX, last_activation
from scoring.networks.library_words import sentence_of
from scoring.networks.noise import pictures
from scoring.pixels.input_shape import filled

if TYPE_CHECKING:
    import keras

# How far outputs may lie from Keras', as a share of their scale. The features of VGG16 differ by 2e-5 of the largest in
# MNN.
_TOLERANCE = 1e-3
_LEAST_SHARE = 0.1  # of the largest value, where an output hardly ranges
_LEAST_TOLERANCE = 1e-4  # where all outputs are near zero
# How far logarithms of probabilities may, as a share of what lies between them, or of 1: of five published networks
# they differ by at most 9e-5 where 16 lie between them, of layers that were converted wrongly by 0.025 where 0.06 do.
_LOG_TOLERANCE = 2e-3
_LEAST_PROBABILITY = 1e-7  # what is below counts as this
_CERTAIN = 1e-3  # from 0 and 1: probabilities in which much that lies below them does not show
NUM_COMPARED = 4
_PROBABILITIES = (SOFTMAX, SIGMOID)
_Score: TypeAlias = Callable[[UInt8Array], Float32Array]


def check_conversion(
    engine: EngineName, model: "keras.Model", score: _Score, convert: Callable[[Path], _Score]
) -> None:
    """Compare outputs of the converted network with those of Keras on noise and on plain greys, in float32.

    Where noise has probabilities of nearly 0 or 1 alone, what leads to them is compared, too.

    Args:
        engine: The engine that the network was converted for.
        model: The network as it was converted, from uint8 pixels.
        score: Scores a batch by the converted network.
        convert: Converts the model as it is then into an empty folder, and returns what scores a batch.

    Raises:
        ModelError: If it cannot be scored, or its outputs differ in shape or by more than float32 explains: by 0.001 of
            each one's scale, or, of probabilities, by 0.002 of what lies between their logarithms; or if only one of
            both is no number.
    """
    activation = last_activation(model)
    if not _compare(engine, model, score, activation) or activation not in _PROBABILITIES:
        return
    if steps := last_bounded(model):
        with left_out(steps), TemporaryDirectory() as folder:
            _compare(engine, model, convert(Path(folder)), NONE, "logits")


def _compare(engine: EngineName, model: "keras.Model", score: _Score, activation: str, what: str = "outputs") -> bool:
    """Raise ModelError unless outputs are Keras'; return whether all of noise are nearly 0 or 1."""
    begin, is_certain = forward(model), False
    greys, noise = pictures(NUM_COMPARED, filled(model.inputs[0].shape[1:]))
    for name, pixels in (("noise", noise), ("plain pictures", greys)):
        expected = begin(pixels)()
        received = _received(engine, score, pixels)
        if received.shape != expected.shape:
            raise ModelError(
                f"`engine` {engine} cannot run this network: expected outputs of shape {expected.shape}, as Keras has "
                f"them; received {received.shape}. Use `engine` keras."
            )
        if fault := _fault(expected, received, activation):
            raise ModelError(
                f"`engine` {engine} cannot run this network: its {what} on {name} {fault}. Use `engine` keras."
            )
        if pixels is noise:
            is_certain = bool((np.abs(expected - np.round(expected)) < _CERTAIN).all())
    return is_certain


def _received(engine: EngineName, score: _Score, pixels: UInt8Array) -> Float32Array:
    try:
        return score(pixels)
    except IncompleteError:  # it was not scored, for no fault of its own
        raise
    except Exception as error:  # each library has its own classes and words for what it cannot run
        said = sentence_of(error)
        raise ModelError(f"`engine` {engine} cannot run this network: {said} Use `engine` keras.") from error


def _fault(expected: Float32Array, received: Float32Array, activation: str) -> str | None:
    """How outputs are not Keras', by what differs most beyond its tolerance; None if they are.

    Then labels are Keras', too, but for those that lie as near as the tolerance. Probabilities of many classes are all
    small, and those of noise all alike: their logarithms tell them apart. What is not a number in Keras must not become
    one.
    """
    measure = ""
    if activation in _PROBABILITIES:
        measure = ", as logarithms of probabilities"
        expected, received = (np.log(np.maximum(each, _LEAST_PROBABILITY)) for each in (expected, received))
        numbers = expected[~np.isnan(expected)]
        between = numbers.max(initial=-np.inf) - numbers.min(initial=np.inf)
        tolerances = np.array(_LOG_TOLERANCE * max(1, between))
    else:
        tolerances = np.maximum(_LEAST_TOLERANCE, _TOLERANCE * column_scales(expected, _LEAST_SHARE))
    if np.allclose(received, expected, 0, tolerances, equal_nan=True):
        return None
    if (np.isnan(received) & ~np.isnan(expected)).any():
        return "are NaN where Keras' are numbers"
    if (np.isnan(expected) & ~np.isnan(received)).any():
        return "are numbers where Keras' are NaN"
    with np.errstate(invalid="ignore"):  # infinite ones
        differences = np.nan_to_num(np.abs(received - expected), posinf=np.inf)
    furthest = np.argmax(differences / tolerances)
    allowed = np.broadcast_to(tolerances, differences.shape).flat[furthest]
    return f"differ from Keras' by up to {differences.flat[furthest]:.2g}{measure}, where {allowed:.2g} is allowed"
