from dataclasses import replace

import numpy as np
import pytest

from scoring.quality.below_chance import most_below_chance, no_better_than_one_label, what_to_look_at
from scoring.quality.evaluation import evaluate
from scoring.run.summary import OneAnswer
from tests.runs import SUMMARY, bare_record


@pytest.mark.parametrize(
    ("num_labelled", "num_right", "num_labels", "most"),
    [
        (16, 0, 2, 0.1936),
        (1000, 450, 2, 0.4810),
        (1000, 480, 2, None),  # as chance may well give
        (3, 0, 2, None),
        (16, 16, 2, None),
        (500, 0, 1000, None),
        (0, 0, 2, None),
        (0, 0, 0, None),
    ],
)
def test_an_accuracy_is_below_chance_where_all_of_its_interval_is(
    num_labelled: int, num_right: int, num_labels: int, most: float | None
) -> None:
    summary = replace(SUMMARY, num_labelled=num_labelled, num_right=num_right)
    assert most_below_chance(summary, num_labels) == (None if most is None else pytest.approx(most, abs=1e-4))


def test_one_answer_to_all_explains_an_accuracy_below_chance() -> None:
    summary = replace(SUMMARY, num_labelled=100, num_right=10, one_answer=OneAnswer("dog", 1.0, 0.99, 100))
    assert most_below_chance(summary, 2) is None


def test_the_order_of_labels_is_asked_for_where_they_were_named() -> None:
    request = bare_record().request
    assert "images' labels" in what_to_look_at(request)
    assert "order of the model's classes" in what_to_look_at(replace(request, model={"labels": "dog,cat"}))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("aaab aaaa", "75.00% of the photos measured on are 'a'"),
        ("aaab aaab", None),
        ("aaab abab", "75.00% of the photos measured on are 'a'"),
        ("abbb bbbb", "75.00% of the photos measured on are 'b'"),
        ("abab aabb", "50.00% of the photos measured on are 'a'"),
    ],
)
def test_a_model_is_no_better_than_one_label_where_that_is_as_often_right(said: str, told: str | None) -> None:
    truth, answers = (np.array([label == "b" for label in word], np.int64) for word in said.split())
    measured = evaluate(np.stack([1 - answers, answers], axis=1).astype(np.float32) * 0.8 + 0.1, truth)
    words = no_better_than_one_label(measured, ("a", "b"))
    assert (words is None) if told is None else (words or "").startswith(told)
    assert no_better_than_one_label(replace(measured, confusion=None), ("a", "b")) is None
