"""What makes probabilities of a network's logits, in the network or of its outputs; and how far odds move."""

from dataclasses import dataclass

import numpy as np

from scoring.arrays import Float32Array, Float64Array
from scoring.networks.last_activation import NONE, SIGMOID, SOFTMAX

_TINY = float(np.finfo(np.float32).tiny)
_NEARLY_ONE = 1 - 1e-5  # above, steps of float32 are too long to tell odds by
_LEAST_FROM_ONE = 1e-8


@dataclass(frozen=True)
class LastStep:
    """What makes probabilities.

    Attributes:
        name: SOFTMAX, SIGMOID; others, or NONE, say that outputs are compared as they are.
        is_done: Whether it was the network's; otherwise outputs are its logits.
    """

    name: str = NONE
    is_done: bool = True

    def probabilities(self, outputs: Float32Array) -> Float32Array:
        """What becomes of outputs, shape (num_pictures, num_outputs)."""
        if self.is_done:
            return outputs
        with np.errstate(invalid="ignore"):  # infinite ones
            return sigmoid(outputs) if self.name == SIGMOID else softmax(outputs)

    def moved(self, exact: Float32Array, rounded: Float32Array) -> Float64Array:
        """How far the logarithms of odds move: of the two likeliest labels after a softmax, of each after a sigmoid.

        Returns:
            No number where the exact ones are not to be seen any more.
        """
        if self.name == SOFTMAX:
            best = np.argsort(-exact, axis=1)[:, :2]
            exact, rounded = (np.take_along_axis(each, best, axis=1) for each in (exact, rounded))
        is_seen = (exact > _TINY) & ((exact < _NEARLY_ONE) | (self.name == SOFTMAX)) | (not self.is_done)
        with np.errstate(invalid="ignore"):  # infinite ones
            moved = self._logits(rounded.astype(np.float64)) - self._logits(exact.astype(np.float64))
            moved = moved[:, :1] - moved[:, 1:] if self.name == SOFTMAX else moved
        return np.asarray(np.where(is_seen[:, -moved.shape[1] :], np.abs(moved), np.nan))

    def _logits(self, outputs: Float64Array) -> Float64Array:
        """But for what is the same for all labels of a picture."""
        if not self.is_done:
            return outputs
        logs = np.log(np.maximum(outputs, _TINY))
        return logs if self.name == SOFTMAX else logs - np.log(np.maximum(1 - outputs, _LEAST_FROM_ONE))


def softmax(logits: Float32Array) -> Float32Array:
    """Probabilities that sum to 1 for each picture, shape (num_pictures, num_outputs)."""
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


def sigmoid(logits: Float32Array) -> Float32Array:
    """A probability for each output."""
    small = np.exp(-np.abs(logits))  # never overflows
    return np.asarray(np.where(logits >= 0, 1, small) / (1 + small), np.float32)
