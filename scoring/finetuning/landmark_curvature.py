"""The curvature of regressions on likenesses to landmarks, measured once for many fits, and its inverse for each."""

from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float64Array

_PRODUCTS = 36e9  # of likenesses, that the curvature is taken of: a second of one core
_BLOCK = 256  # rows of a matrix that one thread makes or multiplies at once
_RIDGE = 1e-12  # of the curvature's trace: more than what rounding loses


class InverseCurvature:
    """What Newton's method divides a fit's gradient by, about: taken of the photos that all fits doubt most.

    Most of the curvature is theirs, and the bias bends with the weights: it has the last row and column. A landmark
    that a fit leaves out has no weight there, so its row and column are taken out of the curvature before it is
    inverted, by the inverse of the whole (block elimination): the curvature is factored once for all fits, however many
    landmarks each leaves out.

    Attributes:
        strength: Of the regularisation that it was measured for; infinite before.
        mean_variance: Of the photos' classes when it was measured.

    Args:
        likenesses: Of all photos to the landmarks, shape (num_photos, num_landmarks).
        between: Of the landmarks to one another, shape (num_landmarks, num_landmarks); positive definite.
        left_out: For each fit the numbers of the landmarks that it leaves out.
        threads: Do what is done for each fit.
    """

    def __init__(
        self,
        likenesses: Float64Array,
        between: Float64Array,
        left_out: Sequence[npt.NDArray[np.int64]],
        threads: Executor,
    ) -> None:
        self._likenesses, self._between = likenesses, between
        self._left_out, self._threads = left_out, threads
        self.strength, self.mean_variance = np.inf, 0.0

    def measure(self, variance: Float64Array, strength: float) -> None:
        """Measure the curvature anew; comes before the first gradient.

        Args:
            variance: Of each photo's class as the fits see it, shape (num_photos,); 0 to a half.
            strength: Of the regularisation.
        """
        self.strength, self.mean_variance = strength, float(variance.mean())
        self._roots: list[Float64Array] = []  # the last ones go before the next ones come
        curvature = self._of_doubtful(variance)
        curvature[:-1, :-1] += strength * self._between
        self._whole = _inverse(curvature)
        # NumPy's factoring lets other threads run, SciPy's does not.
        roots = self._threads.map(lambda rows: np.linalg.cholesky(self._whole[np.ix_(rows, rows)]), self._left_out)
        self._roots = list(roots)

    def times(self, gradients: Float64Array, fits: npt.NDArray[np.int64]) -> Float64Array:
        """Divide gradients of some fits by their curvatures.

        Args:
            gradients: Of their weights and, last, their biases, shape (num_landmarks + 1, num_scores, num_fits).
            fits: Their numbers.

        Returns:
            Likewise; nothing for landmarks that a fit leaves out.
        """
        divided, excess = self._times(gradients), np.zeros_like(gradients)

        def eliminate(place: int) -> None:
            from scipy.linalg import cho_solve

            left_out = self._left_out[fits[place]]
            if len(left_out):
                values = divided[left_out, :, place]
                excess[left_out, :, place] = cho_solve((self._roots[fits[place]].T, False), values, check_finite=False)

        list(self._threads.map(eliminate, range(len(fits))))
        divided -= self._times(excess)
        for place, fit in enumerate(fits):
            divided[self._left_out[fit], :, place] = 0
        return divided

    def _of_doubtful(self, variance: Float64Array) -> Float64Array:
        """The curvature of the mean log loss, its lower half, as if the most doubtful photos had all of it."""
        num_doubtful = int(_PRODUCTS / len(self._between) ** 2) + 1
        doubtful = np.argsort(variance, kind="stable")[-num_doubtful:]
        share = variance[doubtful] / max(variance[doubtful].sum(), np.finfo(np.float64).tiny)
        roots = np.sqrt(share * variance.mean())[:, None]
        size = len(self._between) + 1
        rows, curvature = np.empty((len(doubtful), size)), np.zeros((size, size))
        rows[:, -1:] = roots

        def weigh(start: int) -> None:
            some = slice(start, start + _BLOCK)
            np.multiply(self._likenesses[doubtful[some]], roots[some], out=rows[some, :-1])

        def fill(start: int) -> None:
            end = start + _BLOCK
            curvature[start:end, :end] = rows[:, start:end].T @ rows[:, :end]

        list(self._threads.map(weigh, range(0, len(rows), _BLOCK)))
        list(self._threads.map(fill, range(0, len(curvature), _BLOCK)))
        return curvature

    def _times(self, values: Float64Array) -> Float64Array:
        """By the inverse of the whole curvature, as if no landmark were left out."""
        columns = values.reshape(len(values), -1)
        blocks = np.array_split(self._whole, -(-len(values) // _BLOCK))
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
