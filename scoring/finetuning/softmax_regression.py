"""Softmax regression for one regularisation after another, by L-BFGS on preconditioned weights.

Likenesses to thousands of landmarks are nearly dependent on one another, so that L-BFGS alone takes hundreds of
passes over them. Preconditioned by the curvature where an earlier fit ended, taken of the photos that it doubted
most, it takes a dozen (Nocedal and Wright, Numerical Optimization, 2006, 7.2). The optimum is that of scikit-learn's
LogisticRegression.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float32Array, Float64Array

Inputs = Float32Array | Float64Array
Weights = tuple[Float64Array, Float64Array]  # of inputs, shape (num_inputs, num_classes), and bias

_TOLERANCE, _PRECONDITIONED_TOLERANCE = 1e-6, 1e-4  # of the gradient
_LOSS_TOLERANCE = 1e-10
_MAX_ITERATIONS = 2_000
_WORTH = 150  # photos for each input, times iterations, that take as long as measuring and factoring the curvature
_PRODUCTS = 24e9  # of inputs, that the curvature is taken of: a third of a second of one core
_RIDGE = 1e-6  # of the curvature's trace: more than what its single precision loses
_LEAST_VARIANCE = 1e-4  # of a class, for the bias' scale


@dataclass(frozen=True)
class _Preconditioner:
    """Maps weights to ones of about unit curvature, u = root' w, and biases likewise by one factor.

    Attributes:
        root: Cholesky factor of the curvature, lower, shape (num_inputs, num_inputs); None for weights as they are.
        bias_scale: A bias for each one of unit curvature.
    """

    root: Inputs | None = None
    bias_scale: float = 1.0

    def apply(self, weights: Float64Array, bias: Float64Array) -> Float64Array:
        """Weights and biases as one vector of unit curvature."""
        scaled = weights
        if self.root is not None:
            scaled = _blas("trmm", self.root)(1, self.root, weights, lower=1, trans_a=1)
        return np.concatenate([scaled.ravel(), bias / self.bias_scale]).astype(np.float64)

    def undo(self, packed: Float64Array, num_biases: int) -> Weights:
        """Weights and biases of what `apply` gave."""
        scaled, bias = packed[:-num_biases].reshape(-1, num_biases), packed[-num_biases:]
        return self._solve(scaled, transposed=True), bias * self.bias_scale

    def gradient(self, of_weights: Float64Array, of_bias: Float64Array) -> Float64Array:
        """The gradient of a vector that `apply` gives, from those of weights and biases."""
        return np.concatenate([self._solve(of_weights, transposed=False).ravel(), of_bias * self.bias_scale])

    def _solve(self, values: Float64Array, transposed: bool) -> Float64Array:
        if self.root is None:
            return values
        solved: Inputs = _blas("trsm", self.root)(1, self.root, values, lower=1, trans_a=transposed)
        return solved.astype(np.float64)


class SoftmaxRegression:
    """Fits of the same photos: each begins where the last one ended.

    Two classes have one score, half of which is the second's and half, negated, the first's. Its weights count in the
    squared length.
    """

    def __init__(self, inputs: Inputs, truth: npt.NDArray[np.int64], num_classes: int) -> None:
        """Take inputs, shape (num_photos, num_inputs), whose precision is that of products, and each photo's class."""
        self._inputs = inputs
        self._sides = np.array([[-0.5, 0.5]]) if num_classes == 2 else np.eye(num_classes)
        self._right = np.zeros((len(truth), num_classes))
        self._right[np.arange(len(truth)), truth] = 1
        num_scores = len(self._sides)
        self._weights, self._bias = np.zeros((inputs.shape[1], num_scores)), np.zeros(num_scores)
        self._curvature: Float64Array | None = None
        self._variance = 0.0

    def fit(self, strengths: Sequence[float]) -> Iterator[Weights]:
        """Minimise the mean log loss and half of `strength` times the squared length, for each strength.

        Args:
            strengths: Best from the strongest to the weakest.

        Yields:
            Weights, shape (num_inputs, num_classes), and biases, shape (num_classes,).
        """
        from scipy.optimize import minimize

        is_slow = False
        for strength in strengths:
            if is_slow:
                self._curvature, self._variance = self._measure_curvature()
            preconditioner = self._precondition(strength)
            tolerance = _TOLERANCE if preconditioner.root is None else _PRECONDITIONED_TOLERANCE
            found = minimize(
                lambda packed, by=preconditioner, times=strength: self._loss(packed, by, times),
                preconditioner.apply(self._weights, self._bias),
                jac=True,
                method="L-BFGS-B",
                options={"gtol": tolerance, "ftol": _LOSS_TOLERANCE, "maxiter": _MAX_ITERATIONS},
            )
            self._weights, self._bias = preconditioner.undo(found.x, len(self._sides))
            is_slow = found.nit * len(self._inputs) > _WORTH * len(self._weights)
            yield self._weights @ self._sides, self._bias @ self._sides

    def _precondition(self, strength: float) -> _Preconditioner:
        from scipy.linalg import cholesky

        if self._curvature is None:
            return _Preconditioner()
        curvature, diagonal = self._curvature.copy(), np.diag_indices(len(self._curvature))
        curvature[diagonal] += max(strength, _RIDGE * curvature[diagonal].sum())
        root = cholesky(curvature, lower=True, overwrite_a=True, check_finite=False)
        return _Preconditioner(root.astype(self._inputs.dtype), 1 / np.sqrt(max(self._variance, _LEAST_VARIANCE)))

    def _measure_curvature(self) -> tuple[Float64Array, float]:
        """The curvature of the mean log loss where the last fit ended, taken to be the same for each score.

        Returns:
            Of weights, shape (num_inputs, num_inputs), its lower half alone, and of a bias.
        """
        probabilities = np.exp(self._log_probabilities(self._weights, self._bias))
        variance = np.maximum(1 - np.square(probabilities).sum(axis=1), 0) / 2
        num_doubtful = int(_PRODUCTS / self._inputs.shape[1] ** 2)
        doubtful = np.argsort(variance)[-num_doubtful:]  # most of the curvature is theirs
        share = variance[doubtful] / max(variance[doubtful].sum(), _LEAST_VARIANCE)
        inputs = self._inputs[doubtful] * np.sqrt(share * variance.mean())[:, None].astype(self._inputs.dtype)
        return _blas("syrk", inputs)(1, inputs.T, lower=1).astype(np.float64), float(variance.mean())

    def _loss(self, packed: Float64Array, by: _Preconditioner, strength: float) -> tuple[float, Float64Array]:
        weights, bias = by.undo(packed, len(self._sides))
        log_probabilities = self._log_probabilities(weights, bias)
        loss = strength / 2 * np.square(weights).sum() - np.mean(log_probabilities[self._right > 0])
        wrong = (np.exp(log_probabilities) - self._right) @ self._sides.T / len(self._inputs)
        of_weights = (self._inputs.T @ wrong.astype(self._inputs.dtype)).astype(np.float64) + strength * weights
        return loss, by.gradient(of_weights, wrong.sum(axis=0))

    def _log_probabilities(self, weights: Float64Array, bias: Float64Array) -> Float64Array:
        from scipy.special import log_softmax

        scores = (self._inputs @ weights.astype(self._inputs.dtype)).astype(np.float64) + bias
        found: Float64Array = log_softmax(scores @ self._sides, axis=1)
        return found


def _blas(name: str, values: Inputs) -> Callable[..., Any]:
    """A routine of BLAS for the precision of these values."""
    from scipy.linalg import get_blas_funcs

    found: Callable[..., Any] = get_blas_funcs(name, (values,))
    return found
