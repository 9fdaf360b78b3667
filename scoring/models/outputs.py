"""What a network's outputs mean: how the probabilities of its labels come from them."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from scoring.arrays import Float32Array
from scoring.errors import ModelError

# From outputs, shape (batch, num_outputs), to probabilities, shape (batch, num_classes).
ToProbabilities: TypeAlias = Callable[[Float32Array], Float32Array]

_NUM_SHOWN = 5


def one_for_each_label(num_outputs: int, labels: Sequence[str], model: str) -> ToProbabilities:
    """Tell the meaning of outputs by their number: a probability for each label, or that of the second of two.

    Args:
        num_outputs: Values for each image.
        labels: One name per class, in class order.
        model: What the user calls the network.

    Raises:
        ModelError: If the two do not fit together.
    """
    if num_outputs == 1 and len(labels) == 2:
        return _from_sigmoid
    if num_outputs != len(labels):
        shown = ",".join(labels[:_NUM_SHOWN]) + (",..." if len(labels) > _NUM_SHOWN else "")
        raise ModelError(f"Expected {num_outputs} labels, one per output of {model}; received {len(labels)}: {shown}.")
    return _unchanged


def _unchanged(probabilities: Float32Array) -> Float32Array:
    return probabilities


def _from_sigmoid(second: Float32Array) -> Float32Array:
    return np.concatenate([1.0 - second, second], axis=1)
