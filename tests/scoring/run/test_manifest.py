import hashlib
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import StorageError
from scoring.run.fingerprint import Fingerprint, labels_digest
from scoring.run.folder import RunFolder
from scoring.run.manifest import (
    MANIFEST_SCHEMA,
    Manifest,
    default_shard_size,
    manifest_digest,
    manifest_sample,
    read_info,
    write_manifest,
)
from scoring.run.renewal import find_renewal
from scoring.sources.entries import ImageEntry
from scoring.storage.locations import Url
from tests.runs import bare_record, save_record

_IMAGES = [ImageEntry(str(number), f"{number}.jpg", number) for number in range(1, 11)]


def test_last_shard_is_short_when_images_do_not_divide_evenly(tmp_path: Path) -> None:
    info = write_manifest(tmp_path / "manifest.parquet", _IMAGES, shard_size=4, num_left_out=3)
    assert (info.num_images, info.num_shards, info.num_left_out) == (10, 3, 3)
    shards = [Manifest(tmp_path / "manifest.parquet").shard(shard_id) for shard_id in range(3)]
    assert [len(shard) for shard in shards] == [4, 4, 2]
    assert [image for shard in shards for image in shard] == _IMAGES
    assert read_info(tmp_path / "manifest.parquet") == info


@pytest.mark.parametrize(
    ("paths", "common"),
    [
        (["/disk/a/1.jpg", "/disk/b/2.jpg", "/disk/ab/3.jpg"], "/disk"),
        (["/disk/1.jpg", "/disk2/1.jpg"], ""),
        (["train/ä/1.jpg", "train/ä/2.jpg"], "train/ä"),
        (["1.jpg", "/disk/1.jpg"], ""),
        (["file:///disk/a/1.jpg"] * 3, "file:///disk/a"),
        (["s3://a/1.jpg", "/disk/1.jpg", "1.jpg"], ""),
        ([f"/disk/{'x' * 5000}/1.jpg"], ""),
    ],
)
def test_a_manifest_tells_the_folder_that_all_images_lie_in(tmp_path: Path, paths: list[str], common: str) -> None:
    images = [ImageEntry(str(number), path, 1) for number, path in enumerate(paths)]
    write_manifest(tmp_path / "manifest.parquet", images, 1, 0)
    assert Manifest(tmp_path / "manifest.parquet").common_folder == common


@pytest.mark.parametrize(
    "changed",
    [
        _IMAGES[:-1],
        [*_IMAGES[:-1], ImageEntry("10", "10.jpg", 11)],
        [*_IMAGES[:-1], ImageEntry("10", "10.png", 10)],
        [*_IMAGES[:-1], ImageEntry("10", "10.jpg", 10, b"10.jpg")],
        [*_IMAGES[:-1], ImageEntry("10", "10.jpg", 10, target="cat")],
    ],
)
def test_digest_tells_other_images_apart(changed: list[ImageEntry]) -> None:
    assert manifest_digest(changed, 4) != manifest_digest(_IMAGES, 4)


def test_manifest_tells_the_digest_of_its_images_and_that_of_the_ones_first_listed(tmp_path: Path) -> None:
    first = write_manifest(tmp_path / "manifest.parquet", _IMAGES, 4, num_left_out=0).digest
    changed = [replace(_IMAGES[0], size_bytes=99), *_IMAGES[1:]]
    write_manifest(tmp_path / "manifest.parquet", changed, 4, num_left_out=0, digest=first)
    manifest = Manifest(tmp_path / "manifest.parquet")
    assert manifest.info.digest == first
    assert manifest.listed_digest() == manifest_digest(changed, 4) != first


def test_digest_tells_other_shards_apart() -> None:
    assert manifest_digest(_IMAGES, 4) != manifest_digest(_IMAGES, 5)


@pytest.mark.parametrize("odd", ["it's", 'a"b', "a\\b", "caf\u00e9", "a\nb", "\x7f", "~", " ", ""])
def test_digest_is_of_each_image_as_python_writes_a_tuple(odd: str) -> None:
    images = [*_IMAGES, ImageEntry(odd, "11.jpg", 11), ImageEntry("12", odd, 12, position=3)]
    lines = [(image.image_id, image.path, image.size_bytes, None, None) for image in images]
    text = "".join(f"{line!r}\n" for line in [*lines[:-1], (*lines[-1], 3)])
    assert manifest_digest(images, 4) == hashlib.sha256(f"4\n{text}".encode()).hexdigest()


def test_raw_path_survives(tmp_path: Path) -> None:
    image = ImageEntry(r"caf\xe9", r"caf\xe9.jpg", 5, b"caf\xe9.jpg")
    write_manifest(tmp_path / "manifest.parquet", [image], 1, 0)
    assert Manifest(tmp_path / "manifest.parquet").shard(0) == [image]


@pytest.mark.parametrize(("count", "length"), [(5, 2), (2, 5), (100, 1)])
def test_sample_is_spread_evenly_over_all_shards(tmp_path: Path, count: int, length: int) -> None:
    write_manifest(tmp_path / "manifest.parquet", _IMAGES, 4, 0)
    manifest = Manifest(tmp_path / "manifest.parquet")
    assert manifest.shard_sizes == [4, 4, 2]
    sample = manifest.sample(count)
    assert [(image.size_bytes - 1) // length for image in sample] == list(range(10 // length))
    assert manifest_sample(_IMAGES, count) == sample == manifest.sample(count)


@pytest.mark.parametrize("num_images", [40, 80, 200, 2_000])
@pytest.mark.parametrize("num_views", [2, 4])
def test_sample_has_all_views_of_images_that_stand_by_turns(num_images: int, num_views: int) -> None:
    images = [ImageEntry(str(number), f"{number}.jpg", number % num_views) for number in range(num_images)]
    seen = Counter(image.size_bytes for image in manifest_sample(images, 20))
    assert len(seen) == num_views
    assert max(seen.values()) <= 16


@pytest.mark.parametrize(
    ("num_images", "shard_size"),
    [(1, 32), (36, 32), (600, 64), (12_500, 256), (10**6, 256), (25_600_000, 256), (25_600_001, 288), (10**9, 10_016)],
)
def test_shard_size_depends_on_the_collection_alone(num_images: int, shard_size: int) -> None:
    assert default_shard_size(num_images) == shard_size


def test_no_collection_has_more_shards_than_pyarrow_can_read_row_groups() -> None:
    assert max(-(-size // default_shard_size(size)) for size in (25_600_000, 25_600_001, 10**8, 10**9, 10**10)) <= 10**5


def _write_as_before(path: Path, images: list[ImageEntry], shard_size: int) -> str:
    """A manifest as versions up to November 2026 wrote it, row by row, with its own digest."""
    digest = hashlib.sha256(f"{shard_size}\n".encode())
    for image in images:
        row = (image.image_id, image.path, image.size_bytes, image.raw_path, image.target)
        digest.update(repr(row if image.position is None else (*row, image.position)).encode() + b"\n")
    metadata = {"digest": digest.hexdigest(), "num_left_out": "0"}
    with pq.ParquetWriter(path, MANIFEST_SCHEMA.with_metadata(metadata), write_page_checksum=True) as writer:
        for start in range(0, len(images), shard_size):
            rows = [vars(image) for image in images[start : start + shard_size]]
            table = pa.Table.from_pylist(rows, schema=MANIFEST_SCHEMA)
            writer.write_table(table.replace_schema_metadata(metadata), row_group_size=shard_size)
    return digest.hexdigest()


def test_manifest_that_an_earlier_version_wrote_is_continued_as_it_is(tmp_path: Path) -> None:
    odd = ["it's", 'a "quote"', "back\\slash", "é", "\u200b", "tab\t", "~", " ", "5", "['"]
    images = [
        ImageEntry(name, f"{name}.jpg", size, b"raw" if size % 5 == 3 else None, "cat" if size % 7 == 2 else None)
        for size, name in enumerate(odd)
    ]
    images += [replace(image, image_id=f"{image.image_id}2", position=7, stamp=-1) for image in images]
    folder = RunFolder(tmp_path)
    digest = _write_as_before(tmp_path / "manifest.parquet", images, 3)
    assert manifest_digest(images, 3) == digest
    renewal = find_renewal(folder, images, 3, 0, Mock())
    assert renewal is not None
    assert (renewal.is_due, renewal.changed, renewal.info.digest) == (False, {}, digest)
    changed = [*images[:-1], replace(images[-1], stamp=5)]
    renewal = find_renewal(folder, changed, 3, 0, Mock())
    assert renewal is not None
    assert (renewal.is_due, renewal.changed) == (True, {6: 1})
    assert write_manifest(folder.manifest, images, 3, 0) == renewal.info


def test_a_manifest_whose_digest_has_a_flipped_bit_is_written_anew(tmp_path: Path) -> None:
    """Instead of being refused as another collection's: the user would be told to start clean, and lose every shard."""
    folder = RunFolder(tmp_path)
    info = write_manifest(folder.manifest, _IMAGES, 4, 0)
    labels = labels_digest(("cat", "dog"))
    save_record(folder, bare_record(Fingerprint(info.digest, "model", labels, "squash", "keras", "float32", 2), 3, 10))
    assert find_renewal(folder, _IMAGES, 4, 0, Mock())
    digest = info.digest.encode()
    flipped = bytes([digest[0] ^ 1]) + digest[1:]
    folder.manifest.write_bytes(folder.manifest.read_bytes().replace(digest, flipped))
    assert read_info(folder.manifest).digest == flipped.decode()
    assert find_renewal(folder, _IMAGES, 4, 0, Mock()) is None
    assert write_manifest(folder.manifest, _IMAGES, 4, 0) == info


@pytest.mark.ci
@pytest.mark.parametrize(("stored", "reason"), [(None, "has no such object"), (0.5, "has one of")])
def test_a_manifest_that_is_not_stored_as_it_was_written_is_told_in_one_line(
    bucket: Url, monkeypatch: pytest.MonkeyPatch, stored: float | None, reason: str
) -> None:
    def upload(url: Url, path: Path) -> None:
        content = path.read_bytes()
        if stored:
            url.write_bytes(content[: int(stored * len(content))])

    monkeypatch.setattr(Url, "upload", upload)
    with pytest.raises(StorageError, match=rf"it was said to be stored, \d+ bytes, but the bucket {reason}"):
        write_manifest(bucket / "manifest.parquet", [ImageEntry("1", "1.png", 9)], 32, 0)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "manifest.parquet")
    with pytest.raises(OSError, match="it is no regular file"):
        read_info(tmp_path / "manifest.parquet")
