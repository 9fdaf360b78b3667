"""Train heads on radial basis functions: one for each fold, its regularisation chosen on the other folds alone.

A head is a softmax regression on likenesses to landmarks, regularised by its length in the space of the radial basis
function (kernel logistic regression; Zhu and Hastie, 2005, with the landmarks of Williams and Seeger, 2001).
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float64Array
from scoring.errors import ModelError
from scoring.finetuning.heads import Head
from scoring.finetuning.rbf_expansion import RbfExpansion, fit_expansion
from scoring.finetuning.softmax_regression import SoftmaxRegression, Weights
from scoring.finetuning.training_set import TrainingSet
from scoring.networks.engines import num_threads
from scoring.process.native_threads import at_most_threads
from scoring.quality.evaluation import log_loss

# Of the squared length, per photo; from the strongest, each fit begins where the last one ended.
STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 3e-6, 1e-6, 1e-7)
_DEFAULT_STRENGTH = 1e-4  # where there are too few folds to choose
_JITTER = 1e-6  # of a likeness of one: keeps the landmarks' own likenesses invertible
_DOUBLE_UP_TO = 16_000_000  # inputs: more take half the time in single precision, and their mean loses nothing by it
_BLOCK = 2_048  # photos whose inputs are made at once
_FITTED_BYTES = 1024**3  # of the inputs of all fits that are made at once


class RbfTrainer:
    """Trains the heads of all folds on one expansion; fits that several heads need are made once."""

    def __init__(self, photos: TrainingSet, seed: int) -> None:
        """Take photos of one view each; `seed` decides the landmarks. Raises ModelError for two views."""
        values = photos.features.values
        if values.shape[1] != 1:
            raise ModelError("Expected one view of each photo for heads of radial basis functions; received two.")
        self._values, self._truth, self._splits = values[:, 0], photos.truth, photos.splits
        self._photos, self._num_classes = photos, len(photos.labels)
        self._rows = np.unique(np.concatenate([split.validation for split in photos.splits]))
        self._seed = seed
        self._inner_losses: dict[tuple[int, int], list[float]] = {}

    @cached_property
    def expansion(self) -> RbfExpansion:
        """Standardisation and landmarks, the same for every head, of the photos in folds."""
        return fit_expansion(self._values, self._rows, self._seed)

    @cached_property
    def _landmarks(self) -> npt.NDArray[np.int64]:
        """Which photos the landmarks are, shape (num_landmarks,)."""
        return self._rows[self.expansion.rows]

    @cached_property
    def _likenesses(self) -> Float64Array:
        return self.expansion.likenesses(self._values)

    def train(self, number: int) -> Head:
        """Train the head of one fold: the photos of that fold choose nothing, and are no landmarks of this head."""
        with at_most_threads(num_threads()):
            fits = self._fit_at_once(number)
            strength = self._choose_strength(number)
            kernel, bias = fits[STRENGTHS.index(strength)]
            logits = self._likenesses[self._photos.measured_by(number)] @ kernel + bias
        return Head(
            kernel.astype(np.float32),
            bias.astype(np.float32),
            [],
            logits.astype(np.float32)[:, None],
            curve=[],
            best_epoch=0,
            strength=strength,
        )

    def _fit_at_once(self, number: int) -> list[Weights]:
        """Fit what the choice for one fold needs and is not there; return the fold's own fits, one a regularisation.

        Each takes one thread of the library below it, and others fill the cores: two threads of one fit wait for one
        another in a loop, which on busy cores took ten times the processor seconds (2 cores of a Xeon, 3,600 photos).
        """
        train = self._splits[number].train
        size_bytes = len(train) * min(len(train), len(self._landmarks)) * self._likenesses.itemsize
        at_once = max(1, min(num_threads(), _FITTED_BYTES // size_bytes))
        missing = [other for other in self._others(number) if (other, number) not in self._inner_losses]
        with at_most_threads(1), ThreadPoolExecutor(at_once, thread_name_prefix="fit") as threads:
            own = threads.submit(lambda: list(self._fit(train, STRENGTHS)))
            list(threads.map(lambda other: self._measure(other, number), missing))
            return own.result()

    def _others(self, number: int) -> list[int]:
        """The folds of its draw that choose for one; none where one alone would be left to train on."""
        others = [other for other in self._photos.draw_of(number) if other != number]
        return others if len(others) > 1 else []

    def _choose_strength(self, number: int) -> float:
        """The regularisation of least log loss on the draw's other folds, each judged without itself and this one."""
        others = self._others(number)
        if not others:
            return _DEFAULT_STRENGTH
        losses = np.zeros(len(STRENGTHS))
        for other in others:
            losses += np.array(self._inner_losses[other, number]) * len(self._splits[other].validation)
        return STRENGTHS[int(np.argmin(losses))]

    def _measure(self, one: int, other: int) -> None:
        """Log loss on each of two folds for each regularisation, trained without both."""
        folds = [self._splits[each].validation for each in (one, other)]
        fits = list(self._fit(np.setdiff1d(self._rows, np.concatenate(folds)), STRENGTHS))
        for pair, rows in zip(((one, other), (other, one)), folds, strict=True):
            self._inner_losses[pair] = [self._log_loss(rows, weights) for weights in fits]

    def _log_loss(self, rows: npt.NDArray[np.int64], weights: Weights) -> float:
        from scipy.special import softmax

        kernel, bias = weights
        probabilities = softmax(self._likenesses[rows] @ kernel + bias, axis=1)
        return log_loss(probabilities.astype(np.float32), self._truth[rows])

    def _fit(self, rows: npt.NDArray[np.int64], strengths: Sequence[float]) -> Iterator[Weights]:
        """Softmax regressions on the likenesses of these photos to those among them that are landmarks."""
        from scipy.linalg import cholesky, solve_triangular

        own = np.flatnonzero(np.isin(self._landmarks, rows))
        between = self._likenesses[np.ix_(self._landmarks[own], own)]
        between[np.diag_indices(len(own))] += _JITTER
        root = cholesky(between, lower=True, overwrite_a=True)
        inputs = np.empty((len(rows), len(own)), np.float32 if len(rows) * len(own) > _DOUBLE_UP_TO else np.float64)
        for start in range(0, len(rows), _BLOCK):
            likenesses = self._likenesses[np.ix_(rows[start : start + _BLOCK], own)]
            inputs[start : start + _BLOCK] = solve_triangular(root, likenesses.T, lower=True, overwrite_b=True).T
        regression = SoftmaxRegression(inputs, self._truth[rows], self._num_classes)
        for weights, bias in regression.fit(strengths):
            kernel = np.zeros((len(self._landmarks), self._num_classes))
            kernel[own] = solve_triangular(root, weights, lower=True, trans=1)
            yield kernel, bias
