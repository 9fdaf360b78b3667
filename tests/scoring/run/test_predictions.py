from pathlib import Path

import numpy as np
import pandas as pd

from scoring.run.predictions import ScoredImage
from scoring.sources.inputs import ImageEntry
from tests.runs import read_predictions, write_shard

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


def test_pandas_opens_the_folder_as_one_table_beside_a_half_written_shard(tmp_path: Path) -> None:
    _write(tmp_path, [_scored("1", 0.9, 0.1)])
    _write(tmp_path, [_scored("2", 0.9, 0.1), ScoredImage(ImageEntry("3", "3.jpg", 0), None, "gone")], shard=1)
    half = tmp_path / ".shard-00002-of-00002.parquet.12ab.tmp"
    half.mkdir()
    (half / "shard-00002-of-00002.parquet").write_bytes(b"PAR1")
    assert pd.read_parquet(tmp_path)["image_id"].tolist() == ["1", "2", "3"]
