from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scoring.report import sample
from scoring.report.page import write_report
from scoring.report.rows import read_rows, rows_of_file
from scoring.run.folder import RunFolder
from scoring.run.predictions import StoreProbabilities
from tests.runs import SUMMARY, Page, Scored, cats_and_dogs, record_of, save_record, write_run

_MANY = [f"class {number}" for number in range(64)]


def _sorted_by_class(labels: Sequence[str], num_images: int = 80) -> list[Scored]:
    """Images in the order of their classes: the first half is right, the other is not."""
    images = []
    for number in range(num_images):
        truth = 0 if number < num_images // 2 else 1
        said = np.full(len(labels), 0.1 / (len(labels) - 1))
        said[0] = 0.9
        images.append(Scored(f"{number:03d}.png", said.tolist(), labels[truth]))
    return images


def _page(run: RunFolder) -> str:
    report = Path(str(run.path)).with_suffix(".html")
    return " ".join(Page(Path(str(write_report(run.path, report, None).path))).text.split())


def _count(run: RunFolder, num_labelled: int, num_right: int) -> None:
    """Write down what `score` counts of all rows."""
    summary = replace(SUMMARY, num_labelled=num_labelled, num_right=num_right, num_unlabelled=7)
    save_record(run, replace(record_of(run.path), summary=summary))


def test_of_many_labels_some_rows_of_every_shard_are_measured_and_the_accuracy_is_that_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "MAX_ROWS", 80)  # 40 of 64 labels are held
    run = write_run(tmp_path / "run", _sorted_by_class(_MANY), _MANY, store=StoreProbabilities.ALL)
    text = _page(run)
    assert "A sample of each shard: measures and pictures are of 40 of 80 readable images" in text
    assert "Accuracy 50.0%" in text
    _count(run, 80, 42)
    text = _page(run)
    assert "Accuracy 52.5% 95%: 41.7% to 63.1%, of all images" in text
    assert "images with a known truth 40 of 80, a sample" in text
    assert "Accuracy and its interval are of all 80 images with a known truth, all else of a sample." in text
    assert "Left out of these measures: 7 images without a label." in text
    assert "Images 80 all readable" in text


def test_of_shards_drawn_from_a_sorted_collection_the_accuracy_is_that_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "MAX_ROWS", 16)
    run = write_run(tmp_path / "run", _sorted_by_class(["cat", "dog"]))
    _count(run, 80, 40)
    text = _page(run)
    assert "A sample: 16 of 80 rows, from 2 shards" in text
    assert "Accuracy 50.0% 95%: 39.3% to 60.7%, of all images" in text
    assert "Upright lines" not in text, "the rows of a shard are not independent"


def test_of_shards_drawn_from_an_unfinished_run_the_interval_counts_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "MAX_ROWS", 32)
    run = write_run(tmp_path / "run", _sorted_by_class(["cat", "dog"]), without_shards=[9])
    _count(run, 80, 40)
    text = _page(run)
    assert "A sample: 32 of 80 rows, from 4 shards" in text
    assert "Korn and Graubard" in text
    low, high = text.split("95%: ")[1].split("% ")[:2]
    assert float(low) < 50 < float(high.removeprefix("to "))


def test_labels_by_themselves_are_measured_on_the_rows_that_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "MAX_ROWS", 80)
    run = write_run(tmp_path / "run", _sorted_by_class(_MANY), _MANY, store="all", outputs="multi-label")
    text = _page(run)
    assert "are of 40 of 80 readable images" in text
    assert "images with a known truth 40" in text
    assert "class 0 20" in text


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_rows_are_drawn_alike_again_and_on_average_as_many_as_are_asked_for(share: float) -> None:
    drawn = [rows_of_file(10, share, file) for file in range(400)]
    assert sum(map(len, drawn)) == pytest.approx(4000 * share, rel=0.15)
    assert all((rows == rows_of_file(10, share, file)).all() for file, rows in enumerate(drawn))
    assert len({tuple(rows) for rows in drawn}) > 1 or share == 1
    assert rows_of_file(0, share, 0).tolist() == []


def test_rows_that_are_drawn_are_those_of_the_file(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", [Scored("broken.png", None, "cat"), *cats_and_dogs(15)])
    files = [run.shard(shard, 2) for shard in range(2)]
    whole, some = (read_rows(files, ["cat", "dog"], share=share) for share in (1.0, 0.5))
    assert (len(whole.numbers), whole.num_not_drawn, len(some.numbers) + some.num_not_drawn) == (15, 0, 15)
    both = whole.numbers.merge(some.numbers)
    assert len(both) == len(some.numbers) > 0
    assert set(some.probability) <= set(whole.probability)
    assert some.probabilities is not None and (some.probabilities.max(axis=1) == some.probability).all()


def test_labelled_images_without_scores_are_told_as_left_out(tmp_path: Path) -> None:
    images = [*cats_and_dogs(20), Scored("cat.20.png", None, "cat"), Scored("cat.21.png", None, "cat", "nan")]
    assert "Left out of these measures: 2 labelled images without scores." in _page(write_run(tmp_path / "run", images))
