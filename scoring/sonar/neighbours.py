"""Soft nearest neighbours: every training return votes, and nearer ones weigh more.

The vote of a training return at squared distance d is exp(-d / reach), normalised over all: a softmax, so a
Keras model holds it as one dense layer with softmax and one with the labels.
Source: Nadaraya (1964) and Watson (1964); leave-one-out as in Goldberger et al., NIPS 17 (2004).
"""

import numpy as np

from scoring.arrays import Float32Array

REACHES = (2.0, 4.0, 8.0, 16.0)  # squared distances over 60 standardised bands; unrelated returns lie about 120 apart
_MIN_PROBABILITY = 1e-3  # keeps one lone return from deciding


def choose_reach(bands: Float32Array, is_mine: Float32Array) -> float:
    """Take the reach under which each row is best foretold by the others.

    Args:
        bands: Standardised training rows, shape (num_rows, 60).
        is_mine: 1 for a mine, 0 for a rock, shape (num_rows,).
    """
    return min(REACHES, key=lambda reach: _leave_one_out_loss(bands, is_mine, reach))


def neighbour_weights(bands: Float32Array, reach: float) -> tuple[Float32Array, Float32Array]:
    """Kernel and bias whose softmax is each training row's share of the vote.

    -|x - p|^2 / reach, but for |x|^2, which all rows share and softmax cancels.

    Args:
        bands: Standardised training rows, shape (num_rows, 60).
        reach: The squared distance at which a vote falls to 1/e, as `choose_reach` returns it.

    Returns:
        Kernel, shape (60, num_rows), for standardised bands, and bias, shape (num_rows,).
    """
    return 2 / reach * bands.T, -np.square(bands).sum(axis=1) / reach


def _leave_one_out_loss(bands: Float32Array, is_mine: Float32Array, reach: float) -> float:
    kernel, bias = neighbour_weights(bands, reach)
    votes = bands @ kernel + bias
    np.fill_diagonal(votes, -np.inf)
    shares = np.exp(votes - votes.max(axis=1, keepdims=True))
    probability = np.clip(shares @ is_mine / shares.sum(axis=1), _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
    return float(-np.log(np.where(is_mine, probability, 1 - probability)).mean())
