from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.run.predictions import ScoredImage, predictions_schema, predictions_table, to_parquet, top_classes
from scoring.run.verification import run_status
from scoring.sources.entries import ImageEntry
from scoring.storage.locations import readable
from tests.places import on_disk
from tests.runs import Scored, read_predictions, write_run, write_shard

_CAT_DOG = ("cat", "dog")


def _write(folder: Path, rows: list[ScoredImage], labels: tuple[str, ...] = _CAT_DOG, shard: int = 0) -> None:
    write_shard(folder / f"shard-{shard:05d}-of-00002.parquet", rows, labels)


def _scored(name: str, *probabilities: float) -> ScoredImage:
    return ScoredImage(ImageEntry(name, f"{name}.jpg", 1, target="dogs"), np.array(probabilities, np.float32))


def test_every_image_has_one_row_and_an_unreadable_one_has_its_reason(tmp_path: Path) -> None:
    broken = ScoredImage(ImageEntry("2", "2.jpg", 0), None, "the file is empty")
    _write(tmp_path, [_scored("1", 0.25, 0.75), broken])
    rows = read_predictions(tmp_path).to_pylist()
    assert rows[0] == {
        "image_id": "1",
        "path": "1.jpg",
        "status": "ok",
        "error_message": None,
        "target": "dogs",
        "label": "dog",
        "class_index": 1,
        "probability": 0.75,
        "top_labels": ["dog", "cat"],
        "top_probabilities": [0.75, 0.25],
        "probabilities": [0.25, 0.75],
    }
    assert rows[1]["status"] == "error"
    assert rows[1]["error_message"] == "the file is empty"
    assert all(rows[1][name] is None for name in ("label", "class_index", "probability", "top_labels", "probabilities"))


def test_a_thousand_classes_keep_the_top_five_only(tmp_path: Path) -> None:
    labels = tuple(f"class-{index}" for index in range(1000))
    probabilities = np.zeros(1000, np.float32)
    probabilities[[7, 5, 900]] = [0.5, 0.3, 0.2]
    _write(tmp_path, [ScoredImage(ImageEntry("1", "1.jpg", 1), probabilities)], labels)
    (row,) = read_predictions(tmp_path).to_pylist()
    assert row["top_labels"] == ["class-7", "class-5", "class-900", "class-0", "class-1"]
    assert "probabilities" not in row


def test_a_thousand_classes_are_kept_where_all_are_asked_for(tmp_path: Path) -> None:
    labels = tuple(f"class-{index}" for index in range(1000))
    run = write_run(tmp_path / "run", [Scored("1.jpg", [0.001] * 1000)], labels, store="all")
    (row,) = read_predictions(run.predictions).to_pylist()
    assert row["probabilities"] == [np.float32(0.001)] * 1000
    assert run_status(run, verify=True).is_complete


def test_shard_that_stores_fewer_than_its_run_is_damaged(tmp_path: Path) -> None:
    """And the other way round: readers go by the fingerprint."""
    labels = tuple(f"class-{index}" for index in range(33))
    images = [Scored("1.jpg", [1 / 33] * 33)]
    runs = [write_run(tmp_path / store, images, labels, store=store) for store in ("few", "all")]
    shards = [run.shard(0, 1) for run in runs]
    for run, other in zip(runs, reversed(shards), strict=True):
        whole, lacking = run.shard(0, 1).read_bytes(), pq.read_table(readable(other))
        metadata = pq.read_schema(readable(run.shard(0, 1))).metadata
        pq.write_table(lacking.replace_schema_metadata(metadata), readable(run.shard(0, 1)))
        [reason] = run_status(run, verify=True).damaged.values()
        assert "column probabilities" in reason
        on_disk(run.shard(0, 1)).write_bytes(whole)


def test_pandas_opens_the_folder_as_one_table_beside_a_half_written_shard(tmp_path: Path) -> None:
    _write(tmp_path, [_scored("1", 0.9, 0.1)])
    _write(tmp_path, [_scored("2", 0.9, 0.1), ScoredImage(ImageEntry("3", "3.jpg", 0), None, "gone")], shard=1)
    half = tmp_path / ".shard-00002-of-00002.parquet.12ab.tmp"
    half.mkdir()
    (half / "shard-00002-of-00002.parquet").write_bytes(b"PAR1")
    assert pd.read_parquet(tmp_path)["image_id"].tolist() == ["1", "2", "3"]


def _row_by_row(rows: list[ScoredImage], labels: tuple[str, ...]) -> pa.Table:
    """What `predictions_table` makes, the obvious way."""
    made: list[dict[str, Any]] = []
    for scored in rows:
        row: dict[str, Any] = {name: vars(scored.image)[name] for name in ("image_id", "path", "target")}
        row |= {"status": "ok" if scored.outputs is not None else "error", "error_message": scored.error_message}
        if scored.outputs is not None:
            ranked = np.argsort(-scored.outputs, kind="stable")[:5]
            row |= {"label": labels[ranked[0]], "class_index": int(ranked[0]), "probability": scored.outputs[ranked[0]]}
            row |= {"top_labels": [labels[index] for index in ranked], "top_probabilities": scored.outputs[ranked]}
            row |= {"probabilities": scored.outputs}
        made.append(row)
    return pa.Table.from_pylist(made, schema=predictions_schema(labels, {"about": "this"}))


@pytest.mark.parametrize("num_classes", [1, 2, 5, 32, 33, 1000])
@pytest.mark.parametrize("missing", ["none", "some", "all"])
def test_a_table_made_by_columns_is_to_the_byte_the_one_made_row_by_row(num_classes: int, missing: str) -> None:
    generator = np.random.default_rng(num_classes)
    labels = tuple(f"class-{number}" for number in range(num_classes))
    rows = []
    for number in range(40):
        outputs = generator.random(num_classes, np.float32)
        if number % 3 == 0:  # ties, at the fifth place too
            outputs = np.round(outputs, 1)
        if missing == "all" or (missing == "some" and number % 4 == 1):
            rows.append(ScoredImage(ImageEntry(str(number), f"{number}.jpg", 1), None, "the file is empty"))
        else:
            entry = ImageEntry(str(number), f"{number}.jpg", 1, target="cat" if number % 2 else None)
            rows.append(ScoredImage(entry, outputs))
    table = predictions_table(rows, labels, {"about": "this"})
    expected = _row_by_row(rows, labels)
    table.validate(full=True)
    assert table.schema.equals(expected.schema, check_metadata=True)
    assert table.equals(expected)
    assert to_parquet(table) == to_parquet(expected)


def test_of_numbers_and_nan_the_numbers_rank_first() -> None:
    probabilities = np.zeros((2, 40), np.float32)
    probabilities[:, 7] = 0.5
    probabilities[0, :36] = np.nan
    assert top_classes(probabilities, 5).tolist() == [[36, 37, 38, 39, 0], [7, 0, 1, 2, 3]]
