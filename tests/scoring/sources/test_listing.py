from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from natsort import natsort_keygen

from scoring.run.manifest import Manifest, manifest_digest, write_manifest
from scoring.sources import listing, natural_order
from scoring.sources.entries import FoundFile, ImageEntry
from scoring.sources.listing import list_entries
from scoring.sources.natural_order import natural_key
from scoring.sources.targets import LabelsFrom, with_targets

_NAMES = st.text(st.sampled_from("aB/._- 0019é²五"), min_size=1, max_size=12)


@given(st.lists(_NAMES, max_size=8))
@example(["0B", "0²"])
def test_keys_have_the_order_of_natsort(names: list[str]) -> None:
    theirs = natsort_keygen()
    assert sorted(names, key=natural_key) == sorted(names, key=theirs)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven rows are many here."""
    monkeypatch.setattr(natural_order, "RUN_ROWS", 7)
    monkeypatch.setattr(listing, "RUN_ROWS", 7)
    monkeypatch.setattr(natural_order, "_MOST_RUNS", 3)
    monkeypatch.setattr(natural_order, "_BATCH_ROWS", 4)
    monkeypatch.setattr(listing, "_ROWS_AT_ONCE", 5)


def _files(suffixes: tuple[str, ...] = (".jpg",)) -> list[FoundFile]:
    paths = [f"train/{number % 4}/image_{number * 37 % 101}{suffix}" for number in range(50) for suffix in suffixes]
    return [FoundFile(path, index, b"raw" if index % 9 == 0 else None, index) for index, path in enumerate(paths)]


@pytest.mark.parametrize("suffixes", [(".jpg",), (".jpg", ".png")])
def test_long_listing_on_disk_is_the_short_one_in_memory(few: None, suffixes: tuple[str, ...]) -> None:
    files = _files(suffixes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "RUN_ROWS", 1000)
        short = list_entries(files, keeps_order=False)
    long = list_entries(files, keeps_order=False)
    assert isinstance(short, list)
    assert not isinstance(long, list)
    assert list(long) == short
    assert (len(long), long[3], long[-1], long[4:9]) == (len(short), short[3], short[-1], short[4:9])
    with pytest.raises(IndexError):
        long[len(short)]
    assert manifest_digest(long, 5) == manifest_digest(short, 5)


def test_rows_that_bring_their_ids_keep_their_order_on_disk_too(few: None) -> None:
    files = [FoundFile(f"t#{row}", 0, None, row, f"id-{99 - row}") for row in range(20)]
    assert [entry.image_id for entry in list_entries(files, keeps_order=True)] == [
        f"id-{99 - row}" for row in range(20)
    ]


def test_long_listing_has_targets_and_a_manifest_as_a_short_one(few: None, tmp_path: Path) -> None:
    images = with_targets(list_entries(_files(), keeps_order=False), LabelsFrom.FOLDERS)
    assert not isinstance(images, list)
    info = write_manifest(tmp_path / "manifest.parquet", images, 8, 0)
    manifest = Manifest(tmp_path / "manifest.parquet")
    written = [image for shard in range(info.num_shards) for image in manifest.shard(shard)]
    assert written == list(images)
    assert {image.target for image in written} == {"0", "1", "2", "3"}


def test_nothing_is_left_of_a_long_listing_but_its_table(
    few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    images = list_entries(_files(), keeps_order=False)
    assert list(tmp_path.iterdir()) == []
    assert isinstance(images[0], ImageEntry)
