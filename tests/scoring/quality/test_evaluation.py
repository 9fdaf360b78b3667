import json
import math
import tracemalloc
from dataclasses import asdict
from unittest.mock import Mock

import numpy as np
import pyarrow as pa
import pytest

from scoring.quality.evaluation import RightCount, evaluate, log_loss, true_classes
from scoring.sources.spelling import singular


def test_two_labels_are_measured_as_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.35, 0.65], [0.2, 0.8]], np.float32)
    found = evaluate(probabilities, np.array([0, 1, 1, 1]))
    assert found.accuracy == 0.75
    assert found.log_loss == pytest.approx(-np.log([0.9, 0.4, 0.65, 0.8]).mean())
    assert found.roc_auc == 1.0
    assert found.confusion == [[1, 0], [1, 2]]
    assert [(bin.num_images, bin.share_right) for bin in found.reliability] == [(1, 0), (1, 1), (1, 1), (1, 1)]
    assert found.accuracy_interval.low < 0.75 < found.accuracy_interval.high


def test_more_labels_take_the_mean_of_each_against_the_rest() -> None:
    probabilities = np.eye(3, dtype=np.float32)[[0, 1, 2, 2]] * 0.7 + 0.1
    found = evaluate(probabilities, np.array([0, 1, 2, 1]))
    assert found.accuracy == 0.75
    assert found.roc_auc == pytest.approx(np.mean([1, 0.75, 5 / 6]))
    assert found.reliability[0].mean_probability == pytest.approx(0.8)
    assert found.reliability[0].share_right == 0.75


@pytest.mark.parametrize("num_labels", [100, 101])
def test_of_up_to_a_hundred_labels_all_pairs_are_counted(num_labels: int) -> None:
    found = evaluate(np.eye(num_labels, dtype=np.float32)[[0, 1, 1]], np.array([0, 1, 2])).confusion
    if num_labels > 100:
        assert found is None
        return
    assert found is not None
    assert (len(found), len(found[0]), sum(map(sum, found))) == (100, 100, 3)
    assert (found[0][0], found[1][1], found[2][1]) == (1, 1, 1)


def test_what_is_measured_grows_with_labels_and_not_with_their_pairs() -> None:
    """Of 16,000 labels the pairs were 4 GB, and of 3,000 a hundred megabytes of training.json, three times."""
    said, truth = np.full((50, 1500), 1 / 1500, np.float32), np.arange(50)
    evaluate(said[:, :2], truth % 2)
    tracemalloc.start()
    try:
        found = evaluate(said, truth)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 20 * said.nbytes
    assert len(json.dumps(asdict(found))) < 1000


def test_a_label_without_images_leaves_no_roc_curve() -> None:
    assert evaluate(np.array([[0.9, 0.1]], np.float32), np.array([0])).roc_auc is None


def test_a_wrong_certainty_costs_much_and_not_infinitely() -> None:
    certain = np.array([[1.0, 0.0]], np.float32)
    assert log_loss(certain, np.array([1])) == pytest.approx(-math.log(1e-7))
    assert log_loss(certain, np.array([1]), clip=0.02) == pytest.approx(-math.log(0.02))
    assert log_loss(certain, np.array([0]), clip=0.02) == pytest.approx(-math.log(0.98))


def test_a_clip_of_many_labels_costs_what_the_competition_makes_of_it() -> None:
    """Each row is divided by its sum there: clips made a false gain of 0.06 for twelve labels."""
    rows = np.full((2, 12), 0.1 / 11, np.float32)
    rows[[0, 1], [3, 5]] = 0.9
    found = log_loss(rows, np.array([3, 4]), clip=0.05)
    right, wrong = 0.9 / (0.9 + 11 * 0.05), 0.05 / (0.9 + 11 * 0.05)
    assert found == pytest.approx(-(math.log(right) + math.log(wrong)) / 2)


def test_targets_that_a_model_does_not_know_are_told_apart() -> None:
    assert true_classes(["dogs", None, "cat", "hamster"], ["cat", "dog"]).tolist() == [1, -1, 0, -1]


def test_each_of_many_labels_is_looked_at_once_whatever_the_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 4,000 labels in another case a shard took seconds."""
    words: list[str] = []

    def spy(word: str) -> str:
        words.append(word)
        return singular(word)

    monkeypatch.setattr("scoring.quality.label_matching.singular", spy)
    labels = [f"class {number}" for number in range(100)]
    assert true_classes([label.title() for label in labels], labels).tolist() == list(range(100))
    assert len(words) == 200


@pytest.mark.parametrize("is_multi_label", [False, True])
def test_labels_are_looked_at_once_however_many_shards_there_are(
    monkeypatch: pytest.MonkeyPatch, is_multi_label: bool
) -> None:
    """Of 8,000 labels it was 5 ms more for each shard."""
    asked = Mock(side_effect=singular)
    monkeypatch.setattr("scoring.quality.label_matching.singular", asked)
    counted = RightCount([f"class {number}" for number in range(100)], is_multi_label)
    for _ in range(20):
        counted.add(pa.table({"target": ["Class 3", "fox"], "class_index": pa.array([3, 0], pa.int32())}))
    assert (counted.num_right, counted.num_unknown) == (0 if is_multi_label else 20, 20)
    assert asked.call_count <= 100 + 20 * 10


def test_right_labels_are_counted_shard_by_shard_among_readable_rows_of_known_targets() -> None:
    counted = RightCount(["cat", "dog"])
    counted.add(pa.table({"target": ["cats", "dog", "hamster"], "class_index": pa.array([0, 0, 0], pa.int32())}))
    counted.add(pa.table({"target": ["dog", "dog", None], "class_index": pa.array([1, None, 1], pa.int32())}))
    assert (counted.num_known, counted.num_right) == (3, 2)
    assert (counted.num_unknown, counted.unknown, counted.num_unlabelled) == (1, ["hamster"], 1)


def test_where_several_labels_may_be_true_the_unknown_alone_are_counted() -> None:
    counted = RightCount(["cat", "dog"], is_multi_label=True)
    targets = ["cat", "cat,dog", "none", "dog,hamster", "hamster", None, "fox"]
    counted.add(pa.table({"target": targets, "class_index": pa.array([0, 1, 0, 0, 0, 1, None], pa.int32())}))
    assert (counted.num_known, counted.num_right) == (0, 0)
    assert (counted.num_unknown, counted.unknown, counted.num_unlabelled) == (2, ["dog,hamster", "hamster"], 1)


def test_the_first_labels_that_a_model_does_not_know_are_kept() -> None:
    counted = RightCount(["cat", "dog"])
    for targets in (["fox", "fox", "cat"], ["a", "b", "fox"], ["c", "d", "e"]):
        counted.add(pa.table({"target": targets, "class_index": pa.array([0, 0, None], pa.int32())}))
    assert (counted.num_unknown, counted.unknown) == (6, ["fox", "a", "b", "c", "d"])
