"""The log loss of classes' scores, its slope, and how it bends: of many fits at once.

Scores have the shape (num_photos, num_scores, num_fits), truth, each photo's class, (num_photos,).
"""

from typing import Protocol

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float64Array


class ScoreLoss(Protocol):
    """The log loss of photos by the scores of their classes.

    Attributes:
        sides: What each score counts for in each class's logit, shape (num_scores, num_classes).
    """

    sides: Float64Array

    def measure(self, scores: Float64Array, truth: npt.NDArray[np.int64]) -> tuple[Float64Array, Float64Array]:
        """Losses, shape (num_photos, num_fits), and their slopes by each score, of the scores' shape."""

    def along(
        self, scores: Float64Array, changes: Float64Array, truth: npt.NDArray[np.int64]
    ) -> tuple[Float64Array, Float64Array]:
        """First and second derivative of the losses where scores change by `changes`, shape (num_photos, num_fits)."""

    def variance(self, scores: Float64Array) -> Float64Array:
        """Of a photo's class, the mean of all classes, shape (num_photos, num_fits)."""


class LogisticLoss:
    """Of two classes: one score, half of which is the second's logit and half, negated, the first's."""

    sides = np.array([[-0.5, 0.5]])

    def measure(self, scores: Float64Array, truth: npt.NDArray[np.int64]) -> tuple[Float64Array, Float64Array]:
        """See `ScoreLoss`."""
        towards_other = (1.0 - 2 * truth)[:, None]
        margins = scores[:, 0] * towards_other  # of the other class
        odds = np.exp(-np.abs(margins))  # of the class of less probability: does not overflow
        losses = np.maximum(margins, 0) + np.log1p(odds)
        slopes = np.where(margins > 0, 1, odds) / (1 + odds) * towards_other
        return losses, slopes[:, None]

    def along(
        self, scores: Float64Array, changes: Float64Array, truth: npt.NDArray[np.int64]
    ) -> tuple[Float64Array, Float64Array]:
        """See `ScoreLoss`."""
        second, change = _second(scores), changes[:, 0]
        return (second - truth[:, None]) * change, second * (1 - second) * np.square(change)

    def variance(self, scores: Float64Array) -> Float64Array:
        """See `ScoreLoss`."""
        second = _second(scores)
        return second * (1 - second)


class SoftmaxLoss:
    """Of any number of classes, each with a score, which is its logit."""

    def __init__(self, num_classes: int) -> None:
        self.sides: Float64Array = np.eye(num_classes)

    def measure(self, scores: Float64Array, truth: npt.NDArray[np.int64]) -> tuple[Float64Array, Float64Array]:
        """See `ScoreLoss`."""
        slopes, right = _softmax(scores), (np.arange(len(truth)), truth)
        losses = -np.log(np.maximum(slopes[right], np.finfo(np.float64).tiny))
        slopes[right] -= 1
        return losses, slopes

    def along(
        self, scores: Float64Array, changes: Float64Array, truth: npt.NDArray[np.int64]
    ) -> tuple[Float64Array, Float64Array]:
        """See `ScoreLoss`."""
        probabilities = _softmax(scores)
        means = (probabilities * changes).sum(axis=1)
        bends = (probabilities * np.square(changes)).sum(axis=1) - np.square(means)
        return means - changes[np.arange(len(truth)), truth], bends

    def variance(self, scores: Float64Array) -> Float64Array:
        """See `ScoreLoss`."""
        probabilities = _softmax(scores)
        found: Float64Array = (probabilities * (1 - probabilities)).mean(axis=1)
        return found


def _second(scores: Float64Array) -> Float64Array:
    """Probability of the second of two classes, shape (num_photos, num_fits)."""
    from scipy.special import expit

    found: Float64Array = expit(scores[:, 0])
    return found


def _softmax(scores: Float64Array) -> Float64Array:
    probabilities: Float64Array = scores - scores.max(axis=1, keepdims=True)
    np.exp(probabilities, out=probabilities)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities
