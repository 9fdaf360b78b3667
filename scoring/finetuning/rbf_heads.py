"""Train heads on radial basis functions: one for each fold, its regularisation chosen on the other folds alone.

A head is a softmax regression on likenesses to landmarks, regularised by its length in the space of the radial basis
function (kernel logistic regression; Zhu and Hastie, 2005, with the landmarks of Williams and Seeger, 2001).
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt

from scoring.arrays import Float64Array
from scoring.errors import ModelError
from scoring.finetuning.heads import Head
from scoring.finetuning.rbf_expansion import RbfExpansion, fit_expansion
from scoring.finetuning.softmax_regression import SoftmaxRegressions, fitted_bytes, num_scores
from scoring.finetuning.training_set import TrainingSet
from scoring.networks.engines import num_threads
from scoring.process.native_threads import at_most_threads
from scoring.quality.evaluation import log_loss

# Of the squared length, per photo; from the strongest, each fit begins where the last one ended.
STRENGTHS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 3e-6, 1e-6, 3e-7, 1e-7)
_WORSE = 1.01  # times the least loss: weaker regularisations do worse still
_TOLERANCE = 1e-5  # of a fit that only judges a regularisation
_ENOUGH = 2_000  # photos of a fold, that two others judge as well by as four
_DEFAULT_STRENGTH = 1e-4  # where there are too few folds to choose
_FITTED_BYTES = 1024**3 // 2  # of all fits that are made at once, beside what they share

# Heads whose folds a fit is not trained on: one for a head, two for the choice of both their regularisations.
Without = tuple[int, ...]


class RbfTrainer:
    """Trains the heads of all folds on one expansion, all at once; fits that several heads need are made once."""

    def __init__(self, photos: TrainingSet, seed: int) -> None:
        """Take photos of one view each; `seed` decides the landmarks. Raises ModelError for two views."""
        values = photos.features.values
        if values.shape[1] != 1:
            raise ModelError("Expected one view of each photo for heads of radial basis functions; received two.")
        self._values, self._truth, self._splits = values[:, 0], photos.truth, photos.splits
        self._photos, self._num_classes = photos, len(photos.labels)
        self._rows = np.unique(np.concatenate([split.validation for split in photos.splits]))
        self._seed = seed

    @cached_property
    def expansion(self) -> RbfExpansion:
        """Standardisation and landmarks, the same for every head, of the photos in folds."""
        return fit_expansion(self._values, self._rows, self._seed)

    def train(self, number: int) -> Head:
        """Train the head of one fold: the photos of that fold choose nothing, and are no landmarks of this head.

        All heads are trained with the first one. They share the way to their optima, so that what another fold's labels
        say may move a head by the tolerance of its fit, or decide between regularisations that do equally well.
        """
        return self._heads[number]

    @cached_property
    def _heads(self) -> list[Head]:
        with at_most_threads(num_threads()):
            return self._train(*self._choose())

    @cached_property
    def _landmarks(self) -> npt.NDArray[np.int64]:
        """Which photos the landmarks are, shape (num_landmarks,)."""
        return self._rows[self.expansion.rows]

    @cached_property
    def _likenesses(self) -> Float64Array:
        return self.expansion.likenesses(self._values, num_threads())

    def _choose(self) -> tuple[list[float], Float64Array]:
        """For each head the regularisation of least log loss on its draw's other folds, and where to begin its fit.

        Each of them is judged without itself and the head's own fold; the fit begins in the middle of its judges, where
        memory allows. What is weaker than a regularisation that did clearly worse than a stronger one is not taken.
        Large folds judge two heads each, their neighbours.
        """
        num_heads = len(self._splits)
        draws = {self._photos.draw_of(number) for number in range(num_heads)}
        pairs = [pair for draw in sorted(draws, key=min) if len(draw) > 2 for pair in self._pairs(draw)]
        shape = (len(self._landmarks) + 1, num_scores(self._num_classes), num_heads)
        if not pairs:  # one fold alone would be left to train on
            return [_DEFAULT_STRENGTH] * num_heads, np.zeros(shape)
        num_judges = np.bincount(np.ravel(pairs), minlength=num_heads)
        losses, sums = np.zeros((len(STRENGTHS), num_heads)), np.zeros((len(STRENGTHS), *shape), np.float32)
        keeps_sums = sums.nbytes <= _FITTED_BYTES  # untouched, they take no memory
        for fitted, regressions in self._regressions(pairs):
            judges = [(fit, head, other) for fit, pair in enumerate(fitted) for head, other in (pair, pair[::-1])]
            heads, num_here = np.unique([head for _, head, _ in judges], return_counts=True)
            judged = heads[num_here == num_judges[heads]]  # by all of its judges, at once
            least, given_up = np.full(num_heads, np.inf), np.zeros(num_heads, bool)
            for row, _ in enumerate(regressions.fit(STRENGTHS, _TOLERANCE)):
                found = np.zeros(num_heads)
                for fit, head, other in judges:
                    found[head] += self._loss(regressions, fit, other)
                    if keeps_sums:
                        sums[row, ..., head] += regressions.points[..., fit]
                losses[row] += np.where(given_up, np.inf, found)
                given_up[judged] |= found[judged] > _WORSE * least[judged]
                least = np.minimum(least, found)
                if given_up[heads].all():
                    losses[row + 1 :, heads] = np.inf
                    break
        best = losses.argmin(axis=0)
        middles = np.moveaxis(sums[best, ..., np.arange(num_heads)], 0, -1) / num_judges
        return [STRENGTHS[row] for row in best], middles

    def _pairs(self, draw: Sequence[int]) -> list[Without]:
        """Which two folds of a draw its judges leave out: every two, or neighbours, where these have photos enough."""
        if min(len(self._splits[number].validation) for number in draw) < _ENOUGH:
            return list(combinations(draw, 2))
        return list(zip(draw, [*draw[1:], draw[0]], strict=True))

    def _train(self, chosen: Sequence[float], begin: Float64Array) -> list[Head]:
        """Fit all heads, each by its regularisation, from where it begins."""
        heads: dict[int, Head] = {}
        for strength in sorted(set(chosen)):
            fits = [(number,) for number, of_head in enumerate(chosen) if of_head == strength]
            for fitted, regressions in self._regressions(fits, begin):
                list(regressions.fit([strength]))
                for fit, (number,) in enumerate(fitted):
                    heads[number] = self._head(number, regressions, fit, strength)
        return [heads[number] for number in range(len(chosen))]

    def _head(self, number: int, regressions: SoftmaxRegressions, fit: int, strength: float) -> Head:
        kernel, bias = regressions.weights(fit)
        logits = regressions.logits(fit, self._photos.measured_by(number))
        return Head(
            kernel.astype(np.float32),
            bias.astype(np.float32),
            [],
            logits.astype(np.float32)[:, None],
            curve=[],
            best_epoch=0,
            strength=strength,
        )

    def _regressions(
        self, fits: Sequence[Without], begin: Float64Array | None = None
    ) -> Iterator[tuple[Sequence[Without], SoftmaxRegressions]]:
        """Softmax regressions on the photos in folds without some, as many at once as the memory is meant for."""
        in_folds = np.isin(np.arange(len(self._truth)), self._rows)
        most = max(np.isin(self._landmarks, split.validation).sum() for split in self._splits) * len(fits[0])
        size_bytes = fitted_bytes(len(self._truth), len(self._landmarks), int(most), self._num_classes)
        at_once = max(1, _FITTED_BYTES // size_bytes)
        for start in range(0, len(fits), at_once):
            some = fits[start : start + at_once]
            trained_on = np.tile(in_folds[:, None], len(some))
            for fit, without in enumerate(some):
                for number in without:
                    trained_on[self._splits[number].validation, fit] = False
            regressions = SoftmaxRegressions(
                *(self._likenesses, self._landmarks, self._truth, self._num_classes, trained_on, num_threads())
            )
            if begin is not None:
                regressions.begin(begin[..., [number for (number,) in some]])
            yield some, regressions

    def _loss(self, regressions: SoftmaxRegressions, fit: int, other: int) -> float:
        """The log loss of one fit on another fold's photos, summed over them."""
        from scipy.special import softmax

        rows = self._splits[other].validation
        probabilities = softmax(regressions.logits(fit, rows), axis=1).astype(np.float32)
        return log_loss(probabilities, self._truth[rows]) * len(rows)
