"""A network whose numbers float16 does not hold is computed in float32, or refused where float16 was asked for."""

from typing import TYPE_CHECKING

import numpy as np

from scoring.arrays import Float32Array
from scoring.errors import ModelError
from scoring.networks.keras_engine import KerasEngine
from scoring.networks.noise import harsh_noise, noise
from scoring.networks.precision import ASKED_FOR, Precision, PrecisionChoice
from scoring.pixels.input_shape import filled

if TYPE_CHECKING:
    import keras

# How far a picture's outputs may lie from those in float32, as a share of their length. Rounding leaves a hundredth;
# where a sum of squares exceeds 65,504, a vector scaled to length one becomes zero.
_TOLERANCE = 0.2
_LEAST_LENGTH = 0.01  # of the longest; shorter ones count as this long
_NUM_OF_EACH = 4


def held_by_float16(model: "keras.Model", choice: PrecisionChoice, exact_outputs: bool) -> PrecisionChoice:
    """The same choice; float32 where `auto` chose float16 and noise leads to other outputs than in float32.

    Args:
        model: A network from pixels 0 to 255; its policies are changed.
        choice: Other number formats than float16 have the range of float32: nothing is computed.
        exact_outputs: See `KerasEngine`.

    Raises:
        ModelError: If float16 was asked for.
    """
    if choice.precision is not Precision.FLOAT16:
        return choice
    shape = filled(model.inputs[0].shape[1:])
    images = np.concatenate([noise(_NUM_OF_EACH, shape), harsh_noise(_NUM_OF_EACH, shape)])
    exact, rounded = (
        KerasEngine(model, precision, exact_outputs).score(images)
        for precision in (Precision.FLOAT32, Precision.FLOAT16)
    )
    if _is_held(exact, rounded):
        return choice
    if choice.reason == ASKED_FOR:
        raise ModelError(
            "Expected a network whose numbers float16 can hold, up to 65,504; its outputs for noise are not those in "
            "float32. Use `precision` float32 or bfloat16."
        )
    return PrecisionChoice(Precision.FLOAT32, "float16 does not hold this network's numbers")


def _is_held(exact: Float32Array, rounded: Float32Array) -> bool:
    """Whether outputs, shape (num_pictures, num_outputs), are much the same; rows beyond float32 do not count."""
    is_finite = np.isfinite(exact).all(axis=1)
    exact, rounded = exact[is_finite], rounded[is_finite]
    lengths = np.linalg.norm(exact, axis=1)
    errors = np.linalg.norm(exact - rounded, axis=1)
    return bool((errors <= _TOLERANCE * np.maximum(lengths, _LEAST_LENGTH * lengths.max(initial=0))).all())
