"""Rows of images that can be read by now are filled in, in every kind of shard; all other rows stay as they are."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import StorageError
from scoring.finetuning.features import FeatureExtractor
from scoring.models.embedding import Embedder, EmbeddingType
from scoring.networks.precision import Precision, PrecisionChoice
from scoring.run.predictions import PIXELS_SHA256, UNREAD_KEY, ScoredImage, predictions_table, to_parquet, write_table
from scoring.shards.retry import UnreadRows
from scoring.sources.entries import ImageEntry
from tests.fakes import FakeEngine

_PRECISION = PrecisionChoice(Precision.FLOAT32, "")
_MANY = tuple(map(str, range(40)))
ToTable = Callable[[Sequence[ScoredImage], dict[str, str]], pa.Table]
_KINDS: dict[str, tuple[int, ToTable]] = {
    "few classes": (2, lambda rows, metadata: predictions_table(rows, ("cat", "dog"), metadata)),
    "many classes": (40, lambda rows, metadata: predictions_table(rows, _MANY, metadata)),
    "vectors": (2, Embedder(FakeEngine(), "d", _PRECISION, EmbeddingType.FLOAT16).to_table),
    "features": (2, FeatureExtractor(FakeEngine(), "d", _PRECISION, False).to_table),
    "flipped features": (2, FeatureExtractor(FakeEngine(), "d", _PRECISION, True).to_table),
}
_BUSY = "temporary: cannot read: HTTP 503"
_BEFORE: list[float | str] = [0.25, _BUSY, "the file is empty", _BUSY, 0.5]


def _rows(outcomes: Sequence[float | str], numbers: Sequence[int], size: int) -> list[ScoredImage]:
    """A row for each outcome, an error's reason or what the model says of an image of the network."""
    rows = []
    for number, outcome in zip(numbers, outcomes, strict=True):
        reason = outcome if isinstance(outcome, str) else None
        outputs = np.full(size, outcome, np.float32) if reason is None else None
        rows.append(ScoredImage(ImageEntry(str(number), f"{number}.jpg", 1), outputs, reason))
    return rows


@pytest.mark.parametrize("kind", _KINDS)
@pytest.mark.parametrize(
    "found", [[0.75, 0.125], [0.75, "temporary: busy"], ["gone", "temporary: busy"], ["temporary: no"] * 2]
)
def test_only_rows_of_images_that_were_read_change(tmp_path: Path, kind: str, found: list[float | str]) -> None:
    size, to_table = _KINDS[kind]
    path = tmp_path / "shard.parquet"
    metadata = {UNREAD_KEY.decode(): "2", "about": "this"}
    digest = write_table(path, to_table(_rows(_BEFORE, range(5), size), metadata))
    unread = UnreadRows(path, digest)
    assert unread.numbers == [1, 3]
    unread.fill_in(to_table(_rows(found, [1, 3], size), {"about": "that"}), None)
    after = [*_BEFORE]
    for number, outcome in zip([1, 3], found, strict=True):
        after[number] = _BEFORE[number] if str(outcome).startswith("temporary") else outcome
    num_unread = sum(str(outcome).startswith("temporary") for outcome in after)
    expected = to_table(_rows(after, range(5), size), metadata | {UNREAD_KEY.decode(): str(num_unread)})
    assert pq.read_table(path).equals(pq.read_table(pa.BufferReader(to_parquet(expected))), check_metadata=True)


def test_features_of_an_earlier_version_keep_their_columns(tmp_path: Path) -> None:
    size, to_table = _KINDS["features"]
    path = tmp_path / "shard.parquet"
    before = to_table(_rows(_BEFORE, range(5), size), {}).drop_columns([PIXELS_SHA256])
    UnreadRows(path, write_table(path, before)).fill_in(to_table(_rows([0.75, 0.125], [1, 3], size), {}), None)
    assert pq.read_table(path)["features"].to_pylist() == [[0.25] * 2, [0.75] * 2, None, [0.125] * 2, [0.5] * 2]
    assert pq.read_schema(path).names == before.column_names


def test_another_file_than_was_meant_is_not_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "shard.parquet"
    write_table(path, predictions_table(_rows(_BEFORE, range(5), 2), ("cat", "dog"), {}))
    with pytest.raises(StorageError, match=r"Cannot try unread images of .*shard\.parquet again: another file"):
        UnreadRows(path, "0" * 64)
