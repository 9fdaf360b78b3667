"""A network that was converted for another library says what Keras says, or it is refused."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from scoring.arrays import Float32Array, UInt8Array
from scoring.errors import ModelError
from scoring.networks.engines import EngineName
from scoring.networks.noise import noise
from scoring.pixels.input_shape import filled

if TYPE_CHECKING:
    import keras

# How far outputs may lie from Keras', in size and in share; MNN's probabilities of photos differed by at most 3e-4.
_TOLERANCE = 1e-3
_NUM_COMPARED = 4


def check_conversion(engine: EngineName, model: "keras.Model", score: Callable[[UInt8Array], Float32Array]) -> None:
    """Compare outputs of the converted network with those of Keras on noise, in float32.

    Args:
        engine: The engine that the network was converted for.
        model: The network as it was converted, from uint8 pixels.
        score: Scores a batch by the converted network.

    Raises:
        ModelError: If it cannot be scored. If they differ in shape, or by more than 0.001 plus 0.001 of Keras' output.
    """
    pixels = noise(_NUM_COMPARED, filled(model.inputs[0].shape[1:]))
    expected = np.asarray(model.predict_on_batch(pixels))
    try:
        received = score(pixels)
    except Exception as error:  # each library has its own classes and words for what it cannot run
        said = " ".join(str(error).split())[:200]
        raise ModelError(f"`engine` {engine} cannot run this network: {said}. Use `engine` keras.") from error
    if received.shape != expected.shape:
        raise ModelError(
            f"`engine` {engine} cannot run this network: expected outputs of shape {expected.shape}, as Keras has "
            f"them; received {received.shape}. Use `engine` keras."
        )
    if not np.allclose(received, expected, rtol=_TOLERANCE, atol=_TOLERANCE):
        raise ModelError(
            f"`engine` {engine} cannot run this network: its outputs on noise differ from Keras' by up to "
            f"{np.abs(received - expected).max():.2g}. Use `engine` keras."
        )
