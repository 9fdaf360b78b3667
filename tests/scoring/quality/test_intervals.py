"""Intervals against their formulas, worked by hand, and against their purpose."""

import numpy as np
import pytest

from scoring.quality.intervals import clustered_interval, copies_interval, corrected_interval, single_test_interval


def test_corrected_interval_follows_nadeau_and_bengio() -> None:
    accuracies = [0.8, 0.9] * 50  # mean 0.85, s = 0.0502519
    interval = corrected_interval(accuracies, num_train=187.2, num_test=20.8, num_rows=2080)
    reach = 1.984217 * 0.0502519 * np.sqrt(1 / 100 + 1 / 9)  # t(0.975, 99)
    assert (interval.low, interval.high) == pytest.approx((0.85 - reach, 0.85 + reach), abs=1e-6)


def test_more_repeats_do_not_shrink_the_corrected_interval_to_nothing() -> None:
    few, many = (corrected_interval([0.8, 0.9] * count, 187.2, 20.8, 2080) for count in (50, 5000))
    assert many.high - many.low > 0.9 * (few.high - few.low)


@pytest.mark.parametrize("accuracy", [0.0, 0.95, 1.0])
def test_folds_that_are_right_alike_leave_the_rows_uncertain(accuracy: float) -> None:
    found = corrected_interval([accuracy] * 100, 187.2, 20.8, num_rows=208)
    rows = single_test_interval([accuracy], 208)
    assert (found.low, found.high) == pytest.approx((rows.low, rows.high))
    assert found.high - found.low > 0.015


def test_single_test_interval_is_wilsons() -> None:
    interval = single_test_interval([0.9], num_test=100)  # textbook: 0.826 to 0.945
    assert (interval.low, interval.high) == pytest.approx((0.8256, 0.9448), abs=1e-4)


def test_the_interval_of_none_right_begins_at_0_and_that_of_all_right_ends_at_1() -> None:
    for num_test in range(1, 500):
        none, all_right = (single_test_interval([mean], num_test) for mean in (0.0, 1.0))
        assert none.low == 0 < none.high < 1
        assert 0 < all_right.low < 1 == all_right.high


def test_runs_on_the_same_rows_do_not_narrow_the_interval() -> None:
    assert single_test_interval([0.9] * 10, 104) == single_test_interval([0.9], 104)


def test_clustered_interval_of_mixed_clusters_is_about_wilsons() -> None:
    draw = np.random.default_rng(0)
    found = clustered_interval(draw.binomial(20, 0.7, 200), np.full(200, 20))
    wilson = single_test_interval([0.7], 4000)
    assert found.high - found.low == pytest.approx(wilson.high - wilson.low, rel=0.15)


def test_clustered_interval_of_clusters_of_one_kind_counts_clusters() -> None:
    found = clustered_interval(np.array([100] * 30 + [0] * 30), np.full(60, 100))
    wilson = single_test_interval([0.5], 60)
    assert found.high - found.low == pytest.approx(wilson.high - wilson.low, rel=0.03)
    assert clustered_interval(np.full(8, 100), np.full(8, 100)).low == single_test_interval([1.0], 8).low
    one = clustered_interval(np.array([30]), np.array([100]))
    assert (one.low, one.high) == (single_test_interval([0.3], 1).low, single_test_interval([0.3], 1).high)


def test_clustered_interval_holds_the_truth_of_a_sorted_collection() -> None:
    """1,000 class folders of 4 shards each, their classes more and less often right; a quarter of the shards drawn."""
    draw, held = np.random.default_rng(0), 0
    for _ in range(200):
        right = draw.binomial(256, np.repeat(np.clip(draw.normal(0.76, 0.17, 1000), 0.05, 1), 4))
        drawn = draw.choice(right, 1000, replace=False)
        found = clustered_interval(drawn, np.full(1000, 256))
        held += found.low <= right.sum() / (4000 * 256) <= found.high
    assert held >= 0.93 * 200


def test_equally_many_copies_of_each_are_worth_one_of_each() -> None:
    found, once = copies_interval(11 / 15, np.tile(np.arange(15), 15)), single_test_interval([11 / 15], 15)
    assert (found.low, found.high) == (once.low, once.high)
    assert "different photos" in found.method


def test_rows_without_copies_have_wilsons_interval() -> None:
    assert copies_interval(0.9, np.arange(100) * 3) == single_test_interval([0.9], 100)


@pytest.mark.parametrize("num_copies", [[15] * 15, [20] * 10 + [1] * 190, [9, 7, 5, 3, 1] * 20])
def test_the_interval_of_copies_holds_the_truth_in_95_of_100_experiments(num_copies: list[int]) -> None:
    draw = np.random.default_rng(0)
    originals = np.repeat(np.arange(len(num_copies)), num_copies)
    held = 0
    for _ in range(1_000):
        found = copies_interval(float((draw.random(len(num_copies)) < 0.8)[originals].mean()), originals)
        held += found.low <= 0.8 <= found.high
    assert 930 <= held <= 995
