import gc
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from natsort import natsort_keygen

from scoring.errors import ImagesError, StorageError
from scoring.run.manifest import Manifest, manifest_digest, write_manifest
from scoring.sources import entries, listing
from scoring.sources.entries import FoundFile, ImageEntry
from scoring.sources.inputs import find_images, open_images
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
    """Seven entries are many here."""
    monkeypatch.setattr(listing, "_LISTED", 7)
    monkeypatch.setattr(entries, "_READ_AT_ONCE", 5)


def _files(suffixes: tuple[str, ...] = (".jpg",)) -> list[FoundFile]:
    paths = [f"train/{number % 4}/image_{number * 37 % 101}{suffix}" for number in range(50) for suffix in suffixes]
    return [FoundFile(path, index, b"raw" if index % 9 == 0 else None, index) for index, path in enumerate(paths)]


@pytest.mark.parametrize("suffixes", [(".jpg",), (".jpg", ".png")])
def test_long_listing_on_disk_is_the_short_one_in_memory(few: None, suffixes: tuple[str, ...]) -> None:
    files = _files(suffixes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listing, "_LISTED", 1000)
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


def _scratch_files() -> list[str]:
    """SQLite's files that this process holds; each is deleted already."""
    links = [str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return [link for link in links if "etilqs" in link]


def test_file_of_a_long_listing_has_no_name_and_ends_with_it(few: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_CACHE_KIB", 16)
    images = list_entries(FoundFile(f"train/{number}.jpg", 1) for number in range(5000))
    assert _scratch_files()
    assert all("(deleted)" in path for path in _scratch_files())
    assert [image.image_id for image in images[4998:]] == ["4998", "4999"]
    del images
    gc.collect()
    assert not _scratch_files()


def test_id_that_comes_twice_is_refused_and_named(few: None) -> None:
    files = [FoundFile(f"t#{row}", 0, None, row, f"id-{row % 9}") for row in range(10)]
    for keeps_order in (True, False):
        with pytest.raises(ImagesError, match="'id-0' stands in 2 of them"):
            list_entries(files, keeps_order)
    with pytest.raises(ImagesError, match=r"'a/1\.jpg' stands in 2"):
        list_entries([FoundFile("a/1.jpg", 1), FoundFile("a/2.jpg", 1), FoundFile("a/1.jpg", 1)])


@pytest.mark.parametrize("others", [0, 50])
def test_file_is_replaced_by_a_later_one_of_its_path_and_nothing_else_is(few: None, others: int) -> None:
    files = [FoundFile("a/1.jpg", 1, position=0), FoundFile("a/2.jpg", 2), FoundFile("a/1.jpg", 3, position=9)]
    replaced: list[str] = []
    images = list_entries([*files, *_files()[:others]], replaced=replaced.append)
    assert replaced == ["a/1.jpg"]
    assert [image for image in images if image.path.endswith("a/1.jpg")] == [
        ImageEntry(images[0].image_id, "a/1.jpg", 3, None, None, 9)
    ]
    assert images[0].image_id == ("a/1" if others else "1")
    assert len(images) == 2 + others


def test_disk_without_room_for_sorting_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(database: object, replaced: object) -> bool:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(listing, "_sort", full)
    with pytest.raises(StorageError, match=r"Cannot sort the list of images in .*: database or disk is full\."):
        list_entries(_files())


def test_names_that_read_the_same_and_are_not_the_same_are_two_images(tmp_path: Path) -> None:
    r"""The name `\xe9.jpg` of eight characters, and names with the byte 0xE9, which no UTF-8 text has."""
    names = [rb"\xe9.jpg", b"\xe9.jpg", rb"\xe9" + b"\xe9.jpg", b"\xe9" + rb"\xe9.jpg", b"1.jpg"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes(b"content of " + name)
    listing = find_images(tmp_path)
    assert listing.left_out == ()
    assert [image.image_id for image in listing.images] == sorted({image.image_id for image in listing.images})
    assert sorted(image.raw_path or image.path.encode() for image in listing.images) == sorted(names)
    assert [image.image_id for image in listing.images if not image.raw_path] == ["1", r"\xe9"]
    read = open_images(tmp_path)
    for image in listing.images:
        assert read(image) == b"content of " + (image.raw_path or image.path.encode())
    assert next(image.image_id for image in listing.images if image.raw_path) == r"\xe9 (bytes e92e6a7067)"


def test_of_one_name_that_comes_twice_the_later_counts_whatever_its_bytes() -> None:
    left_out: list[str] = []
    files = [FoundFile(r"\xe9.jpg", 1), FoundFile(r"\xe9.jpg", 2, b"\xe9.jpg")]
    later = [replace(file, size_bytes=file.size_bytes + 2) for file in files]
    images = list_entries([*files, *later], replaced=left_out.append)
    assert [image.size_bytes for image in images] == [3, 4]
    assert left_out == [image.path for image in images]


def test_names_below_the_root_and_beside_it_share_no_folder() -> None:
    images = list_entries([FoundFile("/1.jpg", 1), FoundFile("2.jpg", 1)])
    assert [image.image_id for image in images] == ["2", "/1"]
