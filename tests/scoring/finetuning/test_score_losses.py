"""Losses of scores: two classes' one score says what two logits say, and slopes are those of the losses."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import log_softmax

from scoring.arrays import Float64Array
from scoring.finetuning.score_losses import LogisticLoss, ScoreLoss, SoftmaxLoss

_STEP = 1e-6


def _drawn(num_scores: int, num_classes: int) -> tuple[Float64Array, Float64Array, npt.NDArray[np.int64]]:
    """Scores, how they change, and the truth, of twenty photos and three fits."""
    generator = np.random.default_rng(num_classes)
    shape = (20, num_scores, 3)
    return generator.normal(0, 3, shape), generator.normal(0, 2, shape), generator.integers(0, num_classes, 20)


@pytest.mark.parametrize(
    ("loss", "num_scores", "num_classes"),
    [(LogisticLoss(), 1, 2), (SoftmaxLoss(2), 2, 2), (SoftmaxLoss(5), 5, 5)],
    ids=["logistic", "softmax of 2", "softmax of 5"],
)
def test_losses_are_log_losses_and_slopes_are_theirs(loss: ScoreLoss, num_scores: int, num_classes: int) -> None:
    scores, changes, truth = _drawn(num_scores, num_classes)
    losses, slopes = loss.measure(scores, truth)
    logits = loss.sides.T @ scores
    np.testing.assert_allclose(losses, -log_softmax(logits, axis=1)[np.arange(20), truth], rtol=1e-12)
    first, second = loss.along(scores, changes, truth)
    np.testing.assert_allclose(first, (slopes * changes).sum(axis=1), rtol=1e-9, atol=1e-12)
    ahead, behind = (loss.measure(scores + step * changes, truth)[0] for step in (_STEP, -_STEP))
    np.testing.assert_allclose(first, (ahead - behind) / (2 * _STEP), atol=1e-7)
    later, earlier = (loss.along(scores + step * changes, changes, truth)[0] for step in (_STEP, -_STEP))
    np.testing.assert_allclose(second, (later - earlier) / (2 * _STEP), atol=1e-7)
    shares = np.exp(log_softmax(logits, axis=1))
    np.testing.assert_allclose(loss.variance(scores), (shares * (1 - shares)).mean(axis=1), rtol=1e-9)


def test_scores_without_bounds_overflow_nowhere() -> None:
    scores, truth = np.array([1e4, -1e4, 1e4])[:, None, None], np.array([1, 1, 0])
    with np.errstate(all="raise", under="ignore"):
        losses, slopes = LogisticLoss().measure(scores, truth)
        first, second = LogisticLoss().along(scores, np.ones_like(scores), truth)
    np.testing.assert_array_equal(losses[:, 0], [0, 1e4, 1e4])
    np.testing.assert_array_equal(slopes[:, 0, 0], [0, -1, 1])
    np.testing.assert_array_equal(first, slopes[:, 0])
    np.testing.assert_array_equal(second, np.zeros((3, 1)))
