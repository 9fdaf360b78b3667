"""How large each output is, to take tolerances of: one that is far larger than the others hides nothing in these."""

import numpy as np

from scoring.arrays import Float32Array, Float64Array

_MANY = 0.9  # of all outputs, whose scale the small ones have at least


def column_scales(outputs: Float32Array, least_share: float) -> Float64Array:
    """How far each output ranges over several pictures, or this share of its largest value, if that is more.

    Nearly all outputs are no larger than the least scale: one that is 0 of all pictures has rounding of others' size.

    Args:
        outputs: Shape (num_pictures, num_outputs); what is not finite does not count.
        least_share: Of an output that hardly ranges, such as a logit of a large bias.

    Returns:
        Shape (num_outputs,).
    """
    values = outputs.astype(np.float64)
    finite = np.isfinite(values)
    largest = np.where(finite, np.abs(values), 0).max(axis=0, initial=0)
    highest = np.where(finite, values, -np.inf).max(axis=0, initial=-np.inf)
    lowest = np.where(finite, values, np.inf).min(axis=0, initial=np.inf)
    ranges = np.where(highest >= lowest, highest - lowest, 0)
    own = np.maximum(ranges, least_share * largest)
    return np.asarray(np.maximum(own, np.quantile(own, _MANY, method="lower")))
