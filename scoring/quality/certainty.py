"""Probabilities kept from certainty, where their logarithms would be infinite."""

import numpy as np

from scoring.arrays import Float64Array

_LEAST = 1e-7  # float32 rounds probabilities this close to 1 to certainty


def kept_uncertain(probabilities: Float64Array) -> Float64Array:
    """The probabilities, each at least 1e-7 from 0 and from 1."""
    return np.clip(probabilities, _LEAST, 1 - _LEAST)
