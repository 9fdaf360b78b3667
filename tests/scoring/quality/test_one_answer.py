import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from scoring.quality.one_answer import AnswerCount, likely_cause
from scoring.run.record import RequestRecord
from scoring.run.summary import OneAnswer

_Classes = npt.NDArray[np.int64] | None
_Values = npt.NDArray[np.float64]
_DRAW = np.random.default_rng(0)


def _found(probabilities: _Values, classes: _Classes = None, target: str | None = None) -> OneAnswer | None:
    """Of rows in shards of 64, every tenth unreadable."""
    counted = AnswerCount(["cat", "dog"])
    classes = np.ones(len(probabilities), int) if classes is None else classes
    rows = [
        {"target": target, "class_index": None, "probability": None}
        if row % 10 == 0
        else {"target": target, "class_index": int(classes[row]), "probability": float(probabilities[row])}
        for row in range(len(probabilities))
    ]
    schema = pa.schema({"target": pa.string(), "class_index": pa.int32(), "probability": pa.float32()})
    for start in range(0, len(rows), 64):
        counted.add(pa.Table.from_pylist(rows[start : start + 64], schema=schema))
    return counted.found()


def _softmax_of(logits: _Values) -> _Values:
    return np.asarray(1 / (1 + np.exp(-logits)))


def test_certainty_about_everything_is_one_answer() -> None:
    """As of a network that knows 0 to 1 and is given 0 to 255."""
    found = _found(np.ones(700))
    assert found is not None
    assert (found.label, found.probability, found.share) == ("dog", 1.0, 1.0)
    assert found.num_images == 630, "the readable ones"


def test_hardly_any_difference_between_images_is_one_answer() -> None:
    """As of a network that knows 0 to 255 and is given 0 to 1."""
    found = _found(_softmax_of(_DRAW.normal(0.3, 0.015, 200)))
    assert found is not None
    assert found.probability == pytest.approx(0.574, abs=0.01)


@pytest.mark.parametrize(
    ("probabilities", "classes"),
    [
        (_softmax_of(_DRAW.normal(9, 2, 600)), None),  # all dogs, and sure of it
        (np.where(np.arange(600) % 7, 1.0, 0.7), None),
        (np.ones(600), np.arange(600) % 2),
        (np.ones(1040), np.arange(1040) // 520),  # sorted by class, as Kaggle's cat.0 to dog.519
        (np.ones(20_000), np.arange(20_000) // 18_000),
        (np.ones(20), None),  # 18 readable
        (np.zeros(0), None),
    ],
)
def test_answers_that_differ_and_few_images_are_none(probabilities: _Values, classes: _Classes) -> None:
    assert _found(probabilities, classes) is None


def test_one_answer_that_is_known_to_be_right_is_none() -> None:
    assert _found(np.ones(300), target="dogs") is None
    assert _found(np.ones(300), target="cats") is not None


@pytest.mark.parametrize(
    ("probability", "target", "is_told"),
    [(0.0, "none", False), (0.0, "cat", True), (0.0, None, True), (1.0, "cat,dog", False), (1.0, "none", True)],
)
def test_no_label_at_all_is_an_answer_where_labels_stand_by_themselves(
    probability: float, target: str | None, is_told: bool
) -> None:
    rows = [{"target": target, "class_index": 1, "probability": probability}] * 100
    schema = pa.schema({"target": pa.string(), "class_index": pa.int32(), "probability": pa.float32()})
    counted = AnswerCount(["cat", "dog"], is_multi_label=True)
    counted.add(pa.Table.from_pylist(rows, schema=schema))
    assert (counted.found() is not None) == is_told


@pytest.mark.parametrize(
    ("model", "cause"),
    [
        ({"model": "m.keras"}, "on pixels of 0 to 1 or -1 to 1: name `pixels`"),
        ({"model": "m.keras", "pixels": "0..255"}, "on pixels of 0 to 1 or -1 to 1: name `pixels`"),
        ({"model": "hf://owner/name"}, "on pixels of 0 to 1 or -1 to 1: name `pixels`"),
        ({"model": "m.keras", "pixels": "caffe"}, "`pixels` caffe may not be what it was trained on"),
        ({"model": "vgg16-imagenet", "weights": "random"}, "its weights are random"),
        ({"model": "vgg16-imagenet", "weights": None}, "the images may all be alike"),
    ],
)
def test_likely_cause_goes_by_the_model(model: dict[str, object], cause: str) -> None:
    assert cause in likely_cause(RequestRecord("photos", model, "squash"))


def _shard(num_rows: int, num_readable: int, class_index: int = 0) -> pa.Table:
    num_lost = num_rows - num_readable
    rows = {
        "target": [None] * num_rows,
        "class_index": [class_index] * num_readable + [None] * num_lost,
        "probability": [0.5] * num_readable + [None] * num_lost,
    }
    schema = pa.schema({"target": pa.string(), "class_index": pa.int32(), "probability": pa.float32()})
    return pa.table(rows, schema)


@pytest.mark.parametrize("num_readable", [1, 3])
def test_one_answer_is_found_among_images_most_of_which_are_unreadable(num_readable: int) -> None:
    counted = AnswerCount(["cat", "dog"])
    for _ in range(100):
        counted.add(_shard(1_000, num_readable))
        counted.add(_shard(10, 0))
    found = counted.found()
    assert found is not None
    assert (found.label, found.probability, found.num_images) == ("cat", 0.5, 100 * num_readable)


def test_every_shard_has_its_share_in_the_images_that_are_looked_at() -> None:
    for first in (0, 1):
        counted = AnswerCount(["cat", "dog"])
        for shard in range(4_000):
            counted.add(_shard(1, 1, first if shard < 3_700 else 1 - first))
        assert counted.found() is None, "92.5% got one answer"
        counted = AnswerCount(["cat", "dog"])
        for size in (5_000, 1, 30, 400, 2_000):
            counted.add(_shard(size, size, first))
        found = counted.found()
        assert found is not None
        assert found.share == 1


def test_no_more_rows_are_held_than_are_looked_at() -> None:
    """There may be a million shards."""
    counted = AnswerCount(["cat", "dog"])
    for _ in range(20_000):
        counted.add(_shard(1, 1))
    assert 0 < sum(map(len, counted._tables)) <= 1_000
    assert len(counted._tables) <= 1_000
