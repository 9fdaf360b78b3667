import numpy as np
import numpy.typing as npt
import pytest

from scoring.arrays import Float32Array
from scoring.quality.label_issues import find_doubts, find_label_issues, label_quality


def _noisy(seed: int) -> tuple[npt.NDArray[np.int64], Float32Array]:
    """Labels of 200 photos of three classes of different size, a tenth of them wrong, and a model's probabilities."""
    draw, shares = np.random.default_rng(seed), (0.7, 0.2, 0.1)
    truth = draw.choice(3, 200, p=shares)
    logits = draw.normal(0, 1, (200, 3))
    logits[np.arange(200), truth] += 1.5
    labels = np.where(draw.random(200) < 0.1, (truth + 1) % 3, truth)
    odds = np.exp(logits)
    return labels, (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)


# Of cleanlab 2.9.0: find_label_issues(labels, probabilities, filter_by="confident_learning", min_examples_per_class=0,
# return_indices_ranked_by="self_confidence", rank_by_kwargs={"adjust_pred_probs": True}), and their quality scores.
_ISSUES = [3, 156, 170, 25, 163, 27, 158, 30, 58, 145, 9, 162, 90, 117, 47, 105, 49, 143, 101, 60, 109]
_QUALITY = [
    *(0.02743, 0.06049, 0.09636, 0.10111, 0.10632, 0.11009, 0.15668, 0.15697, 0.16010, 0.17344, 0.17466),
    *(0.17556, 0.19617, 0.21251, 0.22725, 0.25698, 0.26040, 0.26349, 0.28646, 0.30536, 0.35648),
]


def test_issues_and_their_order_are_those_of_cleanlab() -> None:
    found = find_label_issues(range(200), *_noisy(1))
    assert [issue.photo for issue in found] == _ISSUES
    assert [issue.quality for issue in found] == pytest.approx(_QUALITY, abs=6e-6)


def test_swapped_labels_are_found_and_that_of_the_class_with_surer_photos_comes_first() -> None:
    probabilities = np.array([[0.9, 0.1], [0.95, 0.05], [0.2, 0.8], [0.1, 0.9], [0.05, 0.95], [0.97, 0.03]], np.float32)
    labels = np.array([0, 0, 1, 1, 0, 1])
    found = find_label_issues(list("abcdef"), labels, probabilities)
    assert [(issue.photo, issue.given, issue.likely) for issue in found] == [("e", 0, 1), ("f", 1, 0)]


def test_no_label_that_the_model_agrees_with_is_an_issue() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.45, 0.55]], np.float32)
    assert find_label_issues(range(4), labels, probabilities) == []


def test_a_class_that_no_photo_is_labelled_with_is_nobodys_likely_class() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.1, 0.0, 0.9], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.7, 0.2, 0.1]], np.float32)
    assert [(issue.photo, issue.likely) for issue in find_label_issues(range(4), labels, probabilities)] == [(3, 0)]


def test_where_two_labels_reach_their_thresholds_a_more_likely_one_that_does_not_is_an_issue() -> None:
    """As in cleanlab 2.9.0."""
    labels = np.array([0, 0, 1, 1, 2, 2])
    probabilities = np.array([[31, 30, 39], [29, 41, 30], [20, 40, 40], [60, 15, 25], [5, 5, 90], [5, 5, 90]]) / 100
    found = find_label_issues(range(6), labels, probabilities.astype(np.float32))
    assert [(issue.photo, issue.likely) for issue in found] == [(3, 0), (1, 1), (0, 2)]


def test_the_likely_label_is_the_most_probable_one_where_a_rare_class_is_reached_by_everything() -> None:
    """The model gives photos of class 2 hardly anything of it; cleanlab's `predicted_label` is the most probable."""
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2])
    of_first, of_second = [[80, 19, 1], [90, 9, 1], [85, 14, 1], [30, 68, 2]], [[10, 89, 1], [9, 90, 1], [6, 93, 1]]
    probabilities = np.array([*of_first, *of_second, [98, 1, 1], [98, 1, 1]]) / 100
    issues = find_label_issues(range(9), labels, probabilities.astype(np.float32))
    assert [(issue.photo, issue.likely) for issue in issues if issue.given == 0] == [(3, 1)]


def test_quality_is_a_share() -> None:
    quality = label_quality(*_noisy(2))
    assert quality.min() > 0
    assert quality.max() < 1


def test_labels_that_are_merely_doubted_come_beside_those_that_are_probably_wrong() -> None:
    labels, probabilities = _noisy(1)
    issues, doubts = (find(range(200), labels, probabilities) for find in (find_label_issues, find_doubts))
    differ = set(np.flatnonzero(probabilities.argmax(axis=1) != labels).tolist())
    assert {issue.photo for issue in issues} | {doubt.photo for doubt in doubts} == differ
    assert len(issues) + len(doubts) == len(differ)
    assert all(doubt.likely == probabilities[doubt.photo].argmax() for doubt in doubts)
    assert [doubt.quality for doubt in doubts] == sorted(doubt.quality for doubt in doubts)


def test_a_label_that_no_other_is_likelier_than_is_neither_an_issue_nor_a_doubt() -> None:
    """As in cleanlab 2.9.0: of equal probabilities, the first class is no more likely than the label."""
    labels, even = np.arange(26) % 3, np.full((26, 3), 1 / 3, np.float32)
    assert find_label_issues(range(26), labels, even) == find_doubts(range(26), labels, even) == []
    tied = np.array([[0.45, 0.45, 0.1], [0.9, 0.05, 0.05], [0.3, 0.6, 0.1], [0.1, 0.1, 0.8]], np.float32)
    assert find_label_issues(range(4), np.array([1, 0, 1, 2]), tied) == []
