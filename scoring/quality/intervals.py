"""95% confidence intervals of an accuracy: measured on one test set, or over folds whose training sets overlap."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEVEL = 0.95
CORRECTED = "corrected resampled t, Nadeau and Bengio, Machine Learning 52 (2003)"
WILSON = "Wilson score over the test rows, JASA 22 (1927)"


@dataclass(frozen=True)
class Interval:
    """An interval that holds the true accuracy in 95 of 100 such experiments; shares from 0 to 1.

    Attributes:
        low: Lower end.
        high: Upper end.
        method: How it was computed, with source.
    """

    low: float
    high: float
    method: str


def corrected_interval(accuracies: Sequence[float], num_train: float, num_test: float) -> Interval:
    """Interval for overlapping training sets, as in repeated folds and repeated splits.

    The plain variance of the mean, s^2 / J, takes J folds for independent, although they share most training rows
    and, repeated, all test rows; it comes out far too narrow. Nadeau and Bengio put 1 / J + num_test / num_train in
    place of 1 / J; Bouckaert and Frank (PAKDD 2004) found it right for ten times ten folds.

    Args:
        accuracies: One for each fold; at least two.
        num_train: Training rows of a fold, on average.
        num_test: Test rows of a fold, on average.
    """
    from scipy.stats import t

    num_folds = len(accuracies)
    mean, deviation = float(np.mean(accuracies)), float(np.std(accuracies, ddof=1))
    error = deviation * math.sqrt(1 / num_folds + num_test / num_train)
    reach = float(t.ppf((1 + LEVEL) / 2, num_folds - 1)) * error
    return Interval(max(0.0, mean - reach), min(1.0, mean + reach), CORRECTED)


def single_test_interval(accuracies: Sequence[float], num_test: int) -> Interval:
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
