"""Softmax regressions on likenesses to landmarks: many fits at once, for one regularisation after another.

Fits of different parts of the same photos share every pass over the likenesses, as one matrix product, and one
measure of the curvature: likenesses to thousands of landmarks are nearly dependent on one another, so that without it
a fit takes hundreds of passes, and with it some dozen. The optimum is that of scikit-learn's LogisticRegression on
whitened likenesses.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float64Array
from scoring.finetuning.landmark_curvature import InverseCurvature
from scoring.finetuning.score_losses import LogisticLoss, ScoreLoss, SoftmaxLoss
from scoring.finetuning.step_memory import NUM_STEPS, StepMemory, products
from scoring.process.native_threads import at_most_threads

_Part = TypeVar("_Part")

_JITTER = 1e-6  # of a likeness of one: keeps the landmarks' own likenesses positive definite
_TOLERANCE = 1e-7  # of a fit's value: what it could still fall by
_MAX_STEPS = 500
_MEASURE_EVERY = 15  # steps, which take about as long as measuring the curvature
_FALLEN = 0.1  # of the variance that was measured: below it, what a fit could still fall by is told too small
_MEASURED_FOR = 20  # times weaker regularisations, the measure is good enough
_BLOCK = 512  # photos at once: what is made of them stays in the processor's cache
_MAX_LOOKS = 8  # at one step's length
_LEVEL = 0.3  # of its slope at the start, that a step ends on
_MAX_HALVINGS = 40  # of a step: what is left is none
_ROUNDING = 1e-12  # of a fit's value, that is no rise


@dataclass(frozen=True)
class _Line:
    """Directions that fits go, and how going changes what is made of their weights; the last axis counts the fits.

    Attributes:
        directions: Of the weights and, last, biases, shape (num_landmarks + 1, num_scores, num_fits).
        stretched: `between` times the weights, shape (num_landmarks, num_scores, num_fits).
        changes: Of the photos' scores, shape (num_photos, num_scores, num_fits).
    """

    directions: Float64Array
    stretched: Float64Array
    changes: Float64Array


class SoftmaxRegressions:
    """Fits of the same likenesses to different photos, each beginning where it ended for the last regularisation.

    Two classes have one score. A score's weights count in the squared length. A landmark that a fit is not trained on
    has no weight in it.

    Attributes:
        points: Weights and, last, biases of all fits, shape (num_landmarks + 1, num_scores, num_fits).

    Args:
        likenesses: Shape (num_photos, num_landmarks).
        landmarks: Which of the photos these are, shape (num_landmarks,).
        truth: Each photo's class.
        num_classes: How many classes there are.
        trained_on: Whether a fit is trained on a photo, shape (num_photos, num_fits).
        num_threads: How many work; the weights do not depend on it.
    """

    def __init__(
        self,
        likenesses: Float64Array,
        landmarks: npt.NDArray[np.int64],
        truth: npt.NDArray[np.int64],
        num_classes: int,
        trained_on: npt.NDArray[np.bool_],
        num_threads: int,
    ) -> None:
        self._likenesses, self._truth, self._num_threads = likenesses, truth, num_threads
        self._between = likenesses[landmarks] + _JITTER * np.eye(len(landmarks))
        self._loss: ScoreLoss = LogisticLoss() if num_classes == 2 else SoftmaxLoss(num_classes)
        self._shares = trained_on / trained_on.sum(axis=0)  # of a photo in a fit's mean loss
        self._left_out = [np.flatnonzero(~own) for own in trained_on[landmarks].T]
        shape = (len(self._loss.sides), trained_on.shape[1])
        self.points = np.zeros((len(landmarks) + 1, *shape))  # weights and, last, biases
        self._lengths = np.zeros((len(landmarks), *shape))  # `_between` times the weights
        self._scores = np.zeros((len(likenesses), *shape))

    def begin(self, points: Float64Array) -> None:
        """Begin the first fits at `points` of others, without weights of landmarks that a fit is not trained on."""
        weights = points[:-1].reshape(len(self._between), -1)
        self.points = points.copy()
        self._lengths = (self._between @ weights).reshape(self._lengths.shape)
        self._scores = (self._likenesses @ weights).reshape(self._scores.shape) + points[-1]

    def fit(self, strengths: Sequence[float], tolerance: float = _TOLERANCE) -> Iterator[float]:
        """Minimise the mean log loss and half of `strength` times the squared length, for each strength.

        Args:
            strengths: Best from the strongest to the weakest.
            tolerance: A fit ends when its value could fall by no more than this share of it.

        Yields:
            Each strength, when `weights` and `logits` are its.
        """
        with at_most_threads(1), ThreadPoolExecutor(self._num_threads, thread_name_prefix="fit") as threads:
            inverse = InverseCurvature(self._likenesses, self._between, self._left_out, threads)
            for strength in strengths:
                self._minimise(strength, tolerance, inverse, threads)
                yield strength

    def weights(self, fit: int) -> tuple[Float64Array, Float64Array]:
        """Weights of one fit, shape (num_landmarks, num_classes), and its biases, shape (num_classes,)."""
        packed = self.points[..., fit] @ self._loss.sides
        return packed[:-1], packed[-1]

    def logits(self, fit: int, photos: npt.NDArray[np.int64]) -> Float64Array:
        """What one fit says of some photos, shape (num_photos, num_classes)."""
        found: Float64Array = self._scores[photos, :, fit] @ self._loss.sides
        return found

    def _minimise(
        self, strength: float, tolerance: float, inverse: InverseCurvature, threads: ThreadPoolExecutor
    ) -> None:
        """L-BFGS on all fits at once; those that have ended drop out."""
        fits, memory = np.arange(len(self._left_out)), StepMemory()
        values, gradients = self._evaluate(strength, fits, threads)
        for count in range(_MAX_STEPS):
            if count % _MEASURE_EVERY == 0 and (count or strength < inverse.strength / _MEASURED_FOR):
                inverse.measure(self._variance(threads), strength)
            directions, slopes = self._downhill(gradients, memory, inverse, fits)
            going = ~(np.abs(slopes) / 2 <= tolerance * values)
            if not going.all() and (variance := self._variance(threads)).mean() < _FALLEN * inverse.mean_variance:
                inverse.measure(variance, strength)
                directions, slopes = self._downhill(gradients, memory, inverse, fits)
                going = ~(np.abs(slopes) / 2 <= tolerance * values)
            if not going.all():
                fits, values, slopes = fits[going], values[going], slopes[going]
                gradients, directions = gradients[..., going], directions[..., going]
                memory.keep(going)
            if not len(fits):
                break
            line = self._line(directions, threads)
            lengths = self._level(strength, line, slopes, fits, threads)
            lengths, values, ahead = self._move(strength, line, lengths, values, fits, threads)
            memory.add(directions * lengths, ahead - gradients)
            gradients = ahead

    @staticmethod
    def _downhill(
        gradients: Float64Array, memory: StepMemory, inverse: InverseCurvature, fits: npt.NDArray[np.int64]
    ) -> tuple[Float64Array, Float64Array]:
        """Where each fit goes, and its slope there."""
        directions = -memory.divide(gradients, partial(inverse.times, fits=fits))
        return directions, products(gradients, directions)

    def _evaluate(
        self, strength: float, fits: npt.NDArray[np.int64], threads: ThreadPoolExecutor
    ) -> tuple[Float64Array, Float64Array]:
        """What is minimised, shape (num_fits,), and its gradients, shape (num_landmarks + 1, num_scores, num_fits)."""

        def of_block(rows: slice) -> tuple[Float64Array, Float64Array, Float64Array]:
            losses, slopes = self._loss.measure(self._scores[rows][..., fits], self._truth[rows])
            shares = self._shares[rows][:, fits]
            slopes *= shares[:, None]
            of_weights = slopes.reshape(len(slopes), -1).T @ self._likenesses[rows]
            return products(losses, shares), of_weights, slopes.sum(axis=0)

        lengths, shape = self._lengths[..., fits], (self._scores.shape[1], len(fits))
        values = strength / 2 * products(self.points[:-1][..., fits], lengths)
        weights, bias = np.zeros((shape[0] * shape[1], len(lengths))), np.zeros(shape)
        for losses, of_weights, of_bias in self._by_block(of_block, threads):
            values += losses
            weights += of_weights
            bias += of_bias
        gradients = np.concatenate([weights.T.reshape(-1, *shape) + strength * lengths, bias[None]])
        for place, fit in enumerate(fits):
            gradients[self._left_out[fit], :, place] = 0
        return values, gradients

    def _line(self, directions: Float64Array, threads: ThreadPoolExecutor) -> _Line:
        weights, shape = directions[:-1].reshape(len(self._between), -1), directions.shape[1:]
        # This way round, and not `likenesses @ weights`, it takes two thirds of the time.
        of_blocks = self._by_block(lambda rows: (weights.T @ self._likenesses[rows].T).T, threads)
        changes = np.concatenate(list(of_blocks)).reshape(-1, *shape) + directions[-1]
        return _Line(directions, (self._between @ weights).reshape(-1, *shape), changes)

    def _level(
        self,
        strength: float,
        line: _Line,
        slopes: Float64Array,
        fits: npt.NDArray[np.int64],
        threads: ThreadPoolExecutor,
    ) -> Float64Array:
        """How far of each direction it is to where the loss is about level, by Newton's method."""
        straight = strength * products(line.directions[:-1], self._lengths[..., fits])
        bent = strength * products(line.directions[:-1], line.stretched)

        def look(lengths: Float64Array, rows: slice) -> tuple[Float64Array, Float64Array]:
            """Slope and its own slope that some photos add at these lengths."""
            scores = self._scores[rows][..., fits] + lengths * line.changes[rows]
            slopes, bends = self._loss.along(scores, line.changes[rows], self._truth[rows])
            shares = self._shares[rows][:, fits]
            return products(slopes, shares), products(bends, shares)

        lengths, shortest, longest = np.ones(len(fits)), np.zeros(len(fits)), np.full(len(fits), np.inf)
        for _ in range(_MAX_LOOKS):
            parts = list(self._by_block(partial(look, lengths), threads))
            slope = straight + lengths * bent + sum(part[0] for part in parts)
            rise = bent + sum(part[1] for part in parts)
            steep = np.abs(slope) > _LEVEL * np.abs(slopes)
            if not steep.any():
                break
            shortest = np.where(slope < 0, lengths, shortest)
            longest = np.where(slope > 0, lengths, longest)
            nearer = lengths - slope / np.maximum(rise, np.finfo(np.float64).tiny)
            beyond = (nearer <= shortest) | (nearer >= longest) | (nearer > 4 * lengths)
            between = np.where(np.isinf(longest), 2 * lengths, (shortest + longest) / 2)
            lengths = np.where(steep, np.where(beyond, between, nearer), lengths)
        return lengths

    def _move(
        self,
        strength: float,
        line: _Line,
        lengths: Float64Array,
        values: Float64Array,
        fits: npt.NDArray[np.int64],
        threads: ThreadPoolExecutor,
    ) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Move, and half of it back, and so on, those whose values would rise; how far, and what is found there."""
        further = lengths
        for _ in range(_MAX_HALVINGS):
            self.points[..., fits] += further * line.directions
            self._lengths[..., fits] += further * line.stretched
            self._scores[..., fits] += further * line.changes
            ahead, gradients = self._evaluate(strength, fits, threads)
            risen = ahead > values * (1 + _ROUNDING)
            if not risen.any():
                break
            further = np.where(risen, -lengths / 2, 0)
            lengths = lengths + further
        return lengths, ahead, gradients

    def _variance(self, threads: ThreadPoolExecutor) -> Float64Array:
        """Of each photo's class, the mean of all classes and of the fits that are trained on the photo."""

        def of_block(rows: slice) -> Float64Array:
            counted = self._shares[rows] > 0
            of_fits = self._loss.variance(self._scores[rows]) * counted
            means: Float64Array = of_fits.sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
            return means

        return np.concatenate(list(self._by_block(of_block, threads)))

    def _by_block(self, make: Callable[[slice], _Part], threads: ThreadPoolExecutor) -> Iterator[_Part]:
        """What is made of each block of photos, in their order: sums are the same whatever was made first."""
        starts = range(0, len(self._likenesses), _BLOCK)
        return threads.map(make, [slice(start, start + _BLOCK) for start in starts])


def fitted_bytes(num_photos: int, num_landmarks: int, num_left_out: int, num_classes: int) -> int:
    """What one fit holds beside what it shares with others: points, steps, scores, and what it leaves out."""
    scores = num_scores(num_classes)
    return 8 * ((2 * NUM_STEPS + 8) * (num_landmarks + 1) * scores + 3 * num_photos * scores + num_left_out**2)


def num_scores(num_classes: int) -> int:
    """How many scores a fit has of a photo."""
    return 1 if num_classes == 2 else num_classes
