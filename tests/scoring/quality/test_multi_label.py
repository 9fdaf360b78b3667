import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest

from scoring.quality.multi_label import evaluate_labels, true_labels

_LABELS = ("cat", "dog", "sofa")


def _true(target: str, labels: Sequence[str]) -> list[int] | None:
    found = true_labels([target], labels)[target]
    return None if found is None else [int(index in found) for index in range(len(labels))]


def test_each_label_is_measured_as_by_hand_and_their_mean_is_the_models() -> None:
    said = np.array([[0.9, 0.2, 0.5], [0.6, 0.7, 0.5], [0.3, 0.1, 0.5]], np.float32)
    truth = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0]], bool)
    found = evaluate_labels(said, truth)
    cat, dog, sofa = found.labels
    assert (cat.num_images, cat.roc_auc) == (2, 1.0)
    assert cat.log_loss == pytest.approx(-np.log([0.9, 0.6, 0.7]).mean())
    assert (dog.num_images, dog.roc_auc) == (2, 0.5)
    assert (sofa.num_images, sofa.roc_auc) == (0, None)
    assert sofa.log_loss == pytest.approx(np.log(2))
    assert found.log_loss == pytest.approx(np.mean([cat.log_loss, dog.log_loss, sofa.log_loss]))
    assert (found.num_images, found.roc_auc) == (3, 0.75)


def test_a_wrong_certainty_costs_much_and_not_infinitely() -> None:
    found = evaluate_labels(np.array([[1.0, 0.0]], np.float32), np.array([[False, False]]))
    assert found.labels[0].log_loss == pytest.approx(-np.log(1e-7))
    assert found.roc_auc is None


@pytest.mark.parametrize(
    ("target", "truth"),
    [
        ("dog", [0, 1, 0]),
        ("Dogs, cat", [1, 1, 0]),
        ("sofa dog", [0, 1, 1]),
        ("sofa|dog", [0, 1, 1]),
        ("dogs; cat", [1, 1, 0]),
        ("cat sofa,dog", None),
        ("sofa hamster", None),
        ("none", [0, 0, 0]),
        ("dog;cat;", [1, 1, 0]),
        ("dog, cat,", [1, 1, 0]),
        ("sofa  dog", [0, 1, 1]),
        ("sofa\tdog ", [0, 1, 1]),
        (",", None),
        ("cat,hamster", None),
        ("hamster", None),
        ("", None),
    ],
)
def test_a_target_is_one_label_or_several_or_none(target: str, truth: list[int] | None) -> None:
    assert _true(target, _LABELS) == truth


def test_what_targets_say_grows_with_them_and_not_with_the_labels_that_they_are_not() -> None:
    """Of 32,000 targets and labels 2 GB, for one warning beside a submission."""
    labels = [f"leaf {number}" for number in range(1000)]
    tracemalloc.start()
    try:
        told = true_labels(labels, labels)
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [told[label] for label in labels] == [frozenset([number]) for number in range(1000)]
    assert held_bytes < 500 * len(labels)


def test_labels_of_several_words_are_parted_at_the_mark_between_them_and_not_at_their_blanks() -> None:
    labels = ("sea lion", "sea", "lion", "cat")
    assert _true("sea lion", labels) == [True, False, False, False]
    assert _true("sea lion|cat", labels) == [True, False, False, True]


@pytest.mark.parametrize("letter", ["S", "s"])
def test_a_mark_at_the_end_is_no_label_of_one_letter(letter: str) -> None:
    for target in ("T,", "T;", "T"):
        assert _true(target, (letter, "T")) == [False, True]
    assert _true("", (letter, "T")) is None
    assert _true("t,s", (letter, "T")) == [True, True]


def test_a_label_with_a_comma_is_one_and_a_label_none_is_a_label() -> None:
    assert _true("cat, red", ("cat, red", "cat", "red")) == [True, False, False]
    assert _true("none", ("none", "cat")) == [True, False]
