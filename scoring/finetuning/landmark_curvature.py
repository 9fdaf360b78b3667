"""The curvature of regressions on likenesses to landmarks, measured now and then for many fits, and its inverses."""

from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float64Array

_PRODUCTS = 36e9  # of likenesses, that the curvature is taken of: a second of one core
_SERVES = 20  # times stronger and weaker regularisations than it was measured for
_JITTER = 1e-6  # of a likeness of one: keeps the landmarks' own likenesses positive definite
_BLOCK = 256  # rows of a matrix that one thread makes or multiplies at once
_LEAST_VARIANCE = 1e-4  # of a class, for the bias' curvature
_RIDGE = 1e-12  # of the curvature's trace: more than what rounding loses


class LandmarkCurvature:
    """The curvature of fits on all landmarks, taken of the photos that the fits doubt most: most of it is theirs.

    One serves fits of other photos, and of other regularisations not far from its own.

    Attributes:
        likenesses: Of all photos to the landmarks, shape (num_photos, num_landmarks).
        landmarks: Which of the photos these are, shape (num_landmarks,).
        between: Of the landmarks to one another, shape (num_landmarks, num_landmarks); positive definite.
        inverse: Of the curvature of weights, likewise; empty before it was measured.
        of_bias: The inverse of the curvature of a bias.
        strength: Of the regularisation that it was measured for; 0 before.
    """

    def __init__(self, likenesses: Float64Array, landmarks: npt.NDArray[np.int64]) -> None:
        self.likenesses, self.landmarks = likenesses, landmarks
        self.between: Float64Array = likenesses[landmarks] + _JITTER * np.eye(len(landmarks))
        self.inverse, self.of_bias = np.empty((0, 0)), 1.0
        self.strength = 0.0

    def measure(self, variance: Float64Array, strength: float, threads: Executor) -> None:
        """Measure it anew.

        Args:
            variance: Of each photo's class as the fits see it, shape (num_photos,); 0 to a half.
            strength: Of the regularisation.
            threads: Share the work.
        """
        self.strength = strength
        self.of_bias = 1 / max(float(variance.mean()), _LEAST_VARIANCE)
        curvature = self._of_doubtful(variance, threads)
        curvature += strength * self.between
        self.inverse = _inverse(curvature)

    def _of_doubtful(self, variance: Float64Array, threads: Executor) -> Float64Array:
        """The curvature of the mean log loss, its lower half, as if the most doubtful photos had all of it."""
        num_doubtful = int(_PRODUCTS / len(self.between) ** 2) + 1
        doubtful = np.argsort(variance, kind="stable")[-num_doubtful:]
        share = variance[doubtful] / max(variance[doubtful].sum(), np.finfo(np.float64).tiny)
        roots = np.sqrt(share * variance.mean())[:, None]
        rows, curvature = np.empty((len(doubtful), len(self.between))), np.zeros_like(self.between)

        def weigh(start: int) -> None:
            some = slice(start, start + _BLOCK)
            np.multiply(self.likenesses[doubtful[some]], roots[some], out=rows[some])

        def fill(start: int) -> None:
            end = start + _BLOCK
            curvature[start:end, :end] = rows[:, start:end].T @ rows[:, :end]

        list(threads.map(weigh, range(0, len(rows), _BLOCK)))
        list(threads.map(fill, range(0, len(curvature), _BLOCK)))
        return curvature


class InverseCurvature:
    """What Newton's method divides the gradients of some fits by, about.

    A landmark that a fit leaves out has no weight there, so its row and column are taken out of the curvature before it
    is inverted, by the inverse of the whole (block elimination): the curvature is factored once for all fits, however
    many landmarks each leaves out.

    Args:
        curvature: As others may have measured it.
        is_near: Whether the fits begin near those for which others measured it.
        left_out: For each fit the numbers of the landmarks that it leaves out.
        threads: Do what is done for each fit.
    """

    def __init__(
        self,
        curvature: LandmarkCurvature,
        is_near: bool,
        left_out: Sequence[npt.NDArray[np.int64]],
        threads: Executor,
    ) -> None:
        self._curvature, self._left_out, self._threads = curvature, left_out, threads
        self._roots: list[Float64Array] = []  # of what each fit leaves out
        self._weakest = 1.0 if is_near else np.inf  # times the strength that it was measured for

    def serves(self, strength: float) -> bool:
        """Whether the curvature was measured for about this regularisation.

        What others measured serves no weaker one: by a curvature that is too large, a fit seems to be nearer to its
        optimum than it is.
        """
        return self._weakest * self._curvature.strength <= strength <= _SERVES * self._curvature.strength

    def measure(self, variance: Float64Array, strength: float) -> None:
        """Measure the curvature anew."""
        self._roots, self._weakest = [], 1 / _SERVES  # the last roots go before the next ones come
        self._curvature.measure(variance, strength, self._threads)

    def times(self, gradients: Float64Array, fits: npt.NDArray[np.int64]) -> Float64Array:
        """Divide gradients of some fits by their curvatures.

        Args:
            gradients: Of their weights and, last, their biases, shape (num_landmarks + 1, num_scores, num_fits).
            fits: Their numbers.

        Returns:
            Likewise; nothing for landmarks that a fit leaves out.
        """
        if not self._roots:
            whole = self._curvature.inverse
            # NumPy's factoring lets other threads run, SciPy's does not.
            roots = self._threads.map(lambda rows: np.linalg.cholesky(whole[np.ix_(rows, rows)]), self._left_out)
            self._roots = list(roots)
        divided = np.concatenate([self._times(gradients[:-1]), gradients[-1:] * self._curvature.of_bias])
        excess = np.zeros_like(gradients[:-1])

        def eliminate(place: int) -> None:
            from scipy.linalg import cho_solve

            left_out = self._left_out[fits[place]]
            if len(left_out):
                values = divided[left_out, :, place]
                excess[left_out, :, place] = cho_solve((self._roots[fits[place]].T, False), values, check_finite=False)

        list(self._threads.map(eliminate, range(len(fits))))
        divided[:-1] -= self._times(excess)
        for place, fit in enumerate(fits):
            divided[self._left_out[fit], :, place] = 0
        return divided

    def _times(self, values: Float64Array) -> Float64Array:
        """By the inverse of the whole curvature, as if no landmark were left out."""
        columns = values.reshape(len(values), -1)
        blocks = np.array_split(self._curvature.inverse, -(-len(values) // _BLOCK))
        found: Float64Array = np.concatenate(list(self._threads.map(lambda block: block @ columns, blocks)))
        return found.reshape(values.shape)


def _inverse(curvature: Float64Array) -> Float64Array:
    """Of a positive definite matrix of which the lower half is read."""
    from scipy.linalg import cholesky
    from scipy.linalg.lapack import dpotri

    diagonal = np.diag_indices(len(curvature))
    curvature[diagonal] += _RIDGE * curvature[diagonal].sum()
    lower, _ = dpotri(cholesky(curvature, lower=True, overwrite_a=True, check_finite=False), lower=1)
    inverse: Float64Array = lower + lower.T  # above its diagonal there is nothing
    inverse[diagonal] /= 2
    return inverse
