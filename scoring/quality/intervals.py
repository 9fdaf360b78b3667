"""95% confidence intervals of an accuracy: measured on one test set, or over folds whose training sets overlap."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

LEVEL = 0.95
CORRECTED = "corrected resampled t, Nadeau and Bengio, Machine Learning 52 (2003), at least Wilson's of the rows"
WILSON = "Wilson score over the test rows, JASA 22 (1927)"
COPIES = (
    "Wilson score over as many different photos as those with copies or in groups are worth, Kish, Survey Sampling "
    "(1965)"
)
CLUSTERED = "Wilson score over as many independent rows as the drawn shards are worth, Korn and Graubard (1998)"


@dataclass(frozen=True)
class Interval:
    """An interval that holds the true accuracy in 95 of 100 such experiments; shares from 0 to 1.

    That of rows counts only how rows vary, not how a model does that was trained on them by folds.

    Attributes:
        low: Lower end.
        high: Upper end.
        method: How it was computed, with source.
    """

    low: float
    high: float
    method: str


def corrected_interval(accuracies: Sequence[float], num_train: float, num_test: float, num_rows: int) -> Interval:
    """Interval for overlapping training sets, as in repeated folds and repeated splits.

    The plain variance of the mean, s^2 / J, takes J folds for independent, although they share most training rows
    and, repeated, all test rows; it comes out far too narrow. Nadeau and Bengio put 1 / J + num_test / num_train in
    place of 1 / J; Bouckaert and Frank (PAKDD 2004) found it right for ten times ten folds. Folds that are right alike,
    as where all rows are, tell no variance: the interval is never narrower than that of the rows tested on once.

    Args:
        accuracies: One for each fold; at least two.
        num_train: Training rows of a fold, on average.
        num_test: Test rows of a fold, on average.
        num_rows: Rows that are tested on in any fold, each counted once.
    """
    from scipy.stats import t

    num_folds = len(accuracies)
    mean, deviation = float(np.mean(accuracies)), float(np.std(accuracies, ddof=1))
    error = deviation * math.sqrt(1 / num_folds + num_test / num_train)
    reach = float(t.ppf((1 + LEVEL) / 2, num_folds - 1)) * error
    rows = single_test_interval([mean], num_rows)
    return Interval(max(0.0, min(mean - reach, rows.low)), min(1.0, max(mean + reach, rows.high)), CORRECTED)


def clustered_interval(num_right: npt.NDArray[np.int64], num_known: npt.NDArray[np.int64]) -> Interval:
    """Interval where whole clusters of rows were drawn at random, whose rows may be alike, as those of one class.

    The rows are worth as many independent ones as have the variance of the share of right ones over clusters: that of
    a ratio of two sums (Cochran, Sampling Techniques, 1977, section 3.12), never less than of independent rows, with
    Student's t in place of the normal (Korn and Graubard, Survey Methodology 24, 1998). Where all rows are right, or
    none, no variance is known, and each cluster is worth one row.

    Args:
        num_right: Right rows of each cluster.
        num_known: Rows of each, right or wrong; at least one.
    """
    from scipy.stats import norm, t

    right, known = num_right[num_known > 0], num_known[num_known > 0]
    num_rows, num_clusters = int(known.sum()), len(known)
    share = float(right.sum()) / num_rows
    worth = float(num_clusters)
    if num_clusters > 1 and 0 < share < 1:
        independent, level = share * (1 - share), (1 + LEVEL) / 2
        squares = float(((right - share * known) ** 2).sum()) / num_rows**2
        variance = max(squares * num_clusters / (num_clusters - 1), independent / num_rows)
        worth = independent / variance * float(norm.ppf(level) / t.ppf(level, num_clusters - 1)) ** 2
    return replace(single_test_interval([share], worth), method=CLUSTERED)


def copies_interval(accuracy: float, originals: npt.NDArray[np.int64]) -> Interval:
    """Interval where rows are copies of one another, which are right or wrong together.

    They are worth as many different rows as have the variance of this share (Kish's effective sample size): all
    different ones where each has equally many copies, fewer where the share goes by the copies of some.

    Args:
        accuracy: Share of right rows.
        originals: A number for each row that it shares with its copies alone, or with all of its group.
    """
    _, num_copies = np.unique(originals, return_counts=True)
    if num_copies.max() == 1:
        return single_test_interval([accuracy], len(originals))
    worth = float(num_copies.sum() ** 2 / (num_copies**2).sum())
    return replace(single_test_interval([accuracy], worth), method=COPIES)


def single_test_interval(accuracies: Sequence[float], num_test: float) -> Interval:
    """Interval for runs that all test on the same rows: what is uncertain is those rows, however many the runs.

    Args:
        accuracies: One for each run.
        num_test: Rows tested on.
    """
    from scipy.stats import norm

    z = float(norm.ppf((1 + LEVEL) / 2))
    mean, shrink = float(np.mean(accuracies)), 1 + z**2 / num_test
    centre = (mean + z**2 / (2 * num_test)) / shrink
    reach = z * math.sqrt(mean * (1 - mean) / num_test + z**2 / (4 * num_test**2)) / shrink
    # Of none right, or all, centre and reach are equal, or sum to 1, but for rounding.
    low = 0.0 if mean == 0 else max(0.0, centre - reach)
    high = 1.0 if mean == 1 else min(1.0, centre + reach)
    return Interval(low, high, WILSON)
