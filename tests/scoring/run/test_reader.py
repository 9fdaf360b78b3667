import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import BucketError, IncompleteError, RequestError, RunFolderError, ScoringError
from scoring.run.folder import RunFolder
from scoring.run.manifest import Manifest
from scoring.run.predictions import FINGERPRINT_KEY, LABELS_KEY, write_table
from scoring.run.reader import RunReader
from scoring.run.verification import remove_shard, run_status
from scoring.storage.locations import Url
from tests.places import on_disk
from tests.runs import cats_and_dogs, record_of, save_record, write_features, write_run
from tests.tampering import ALL, SEEN_BY_DIGEST, SEEN_FROM_ENDS, SEEN_IN_ROWS

Tampering = Callable[[RunFolder], None]


def _named(tamperings: dict[str, Tampering]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("tamper", [pytest.param(one, id=name) for name, one in tamperings.items()])


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A finished run of three shards with eight, eight and four rows, whose digests were kept."""
    return write_run(tmp_path / "run", cats_and_dogs(20))


@pytest.mark.parametrize("verify", [False, True])
def test_sound_run_is_read_in_the_manifests_order(folder: RunFolder, verify: bool) -> None:
    ids = [image.image_id for shard in range(3) for image in Manifest(folder.manifest).shard(shard)]
    table = RunReader(folder, verify).read(["image_id", "probability"])
    assert table.column_names == ["image_id", "probability"]
    assert table["image_id"].to_pylist() == ids
    assert RunReader(folder, verify).read("probability") == table.select(["probability"])
    assert RunReader(folder, verify).read(name for name in ("image_id", "probability")) == table
    assert RunReader(folder, verify).read().num_columns == 11
    with pytest.raises(RequestError, match=r"Expected `columns` of .*; received 'odds'"):
        RunReader(folder, verify).read("odds")
    with pytest.raises(RequestError, match="Expected names in `columns`; received none"):
        RunReader(folder, verify).read([])


@pytest.mark.parametrize("verify", [False, True])
@_named(SEEN_FROM_ENDS)
def test_what_a_files_end_or_name_tells_is_always_seen(folder: RunFolder, tamper: Tampering, verify: bool) -> None:
    tamper(folder)
    _check_refused(folder, verify)


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("key", [FINGERPRINT_KEY, LABELS_KEY])
def test_metadata_that_nests_without_end_is_damage_of_its_shard(folder: RunFolder, key: bytes, verify: bool) -> None:
    path = on_disk(folder.shard(1, 3))
    table = pq.read_table(pa.BufferReader(path.read_bytes()))
    write_table(path, table.replace_schema_metadata({**(table.schema.metadata or {}), key: b"[" * 100_000}))
    _check_refused(folder, verify)
    assert run_status(folder, verify).damaged.keys() == {1}


@_named(SEEN_IN_ROWS)
def test_rows_of_other_images_are_seen_where_every_row_is_read(folder: RunFolder, tamper: Tampering) -> None:
    save_record(folder, replace(record_of(folder.path), digests=()))
    tamper(folder)
    _check_refused(folder, verify=True)


@_named(SEEN_BY_DIGEST)
def test_values_that_were_rewritten_with_all_else_in_order_are_seen_by_their_digest(
    folder: RunFolder, tamper: Tampering
) -> None:
    tamper(folder)
    _check_refused(folder, verify=True)
    assert run_status(folder, verify=True).damaged == {1: "holds other values than were written"}


def _check_refused(folder: RunFolder, verify: bool) -> None:
    with pytest.raises(ScoringError) as refusal:
        RunReader(folder, verify).read()
    assert "\n" not in str(refusal.value)
    try:
        assert not run_status(folder, verify).is_complete
    except RunFolderError as error:
        assert str(error) == str(refusal.value)


def test_run_of_before_there_were_digests_is_read_and_all_else_is_checked(folder: RunFolder) -> None:
    save_record(folder, replace(record_of(folder.path), digests=()))
    assert RunReader(folder).read().num_rows == 20


def test_digests_of_some_shards_are_held_against_those(folder: RunFolder) -> None:
    digests = record_of(folder.path).digests
    save_record(folder, replace(record_of(folder.path), digests=(None, digests[1], None)))
    assert run_status(folder, verify=True).is_complete
    ALL["other probabilities"](folder)
    assert list(run_status(folder, verify=True).damaged) == [1]


def test_a_shard_of_another_run_says_what_differs(folder: RunFolder) -> None:
    ALL["another model's shard"](folder)
    assert run_status(folder, verify=True).damaged == {1: "is of another run: its model differs"}
    with pytest.raises(IncompleteError, match=r"Shard 1 of .* is of another run: its model differs"):
        RunReader(folder).read()


def test_foreign_files_are_named_and_hidden_ones_are_not_ours_to_judge(folder: RunFolder) -> None:
    for name in ("notes.txt", "b.parquet", ".DS_Store"):
        (folder.predictions / name).write_bytes(b"")
    (folder.predictions / ".shard-00000-of-00003.parquet.1a2b3c4d.tmp").mkdir()
    assert run_status(folder, verify=False).foreign == ["b.parquet", "notes.txt"]
    with pytest.raises(RunFolderError, match=r"it holds b\.parquet, notes\.txt\. Move that away"):
        RunReader(folder).check_complete()


def test_missing_shards_are_named(folder: RunFolder) -> None:
    folder.shard(1, 3).unlink()
    with pytest.raises(IncompleteError, match="1 of 3 shards is missing: 1"):
        RunReader(folder).read()


@pytest.mark.ci
def test_every_flipped_bit_of_a_shard_is_seen_by_its_digest(folder: RunFolder) -> None:
    path = folder.shard(0, 3)
    whole = path.read_bytes()
    chance = random.Random(0)
    for _ in range(150):
        bit = chance.randrange(8 * len(whole))
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bytes(flipped))
        assert list(run_status(folder, verify=True).damaged) == [0]
    path.write_bytes(whole)
    assert run_status(folder, verify=True).is_complete


@pytest.mark.ci
def test_flipped_bits_of_pages_are_seen_without_a_digest(folder: RunFolder) -> None:
    save_record(folder, replace(record_of(folder.path), digests=()))
    path = folder.shard(0, 3)
    whole, rows = path.read_bytes(), RunReader(folder).read()
    chunks = [pq.ParquetFile(path).metadata.row_group(0).column(index) for index in range(11)]
    pages = [position for chunk in chunks for position in _positions(chunk)]
    chance = random.Random(0)
    for position in chance.sample(pages, 100):
        flipped = bytearray(whole)
        flipped[position] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(flipped))
        if not run_status(folder, verify=True).damaged:
            assert RunReader(folder).read().equals(rows)


def _positions(chunk: pq.ColumnChunkMetaData) -> range:
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    return range(start, start + chunk.total_compressed_size)


@pytest.mark.ci
def test_every_flipped_byte_of_the_manifest_is_told_or_changes_nothing(folder: RunFolder) -> None:
    whole, rows = folder.manifest.read_bytes(), RunReader(folder).read()
    for position in range(0, len(whole), 23):
        folder.manifest.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        try:
            read = RunReader(folder).read()
        except ScoringError as error:
            assert "\n" not in str(error)
        else:
            assert read.equals(rows)


def test_a_damaged_page_of_the_manifest_is_one_line_that_names_it(folder: RunFolder) -> None:
    whole = bytearray(folder.manifest.read_bytes())
    chunk = pq.ParquetFile(folder.manifest).metadata.row_group(1).column(0)
    whole[chunk.data_page_offset + chunk.total_compressed_size // 2] ^= 0xFF
    folder.manifest.write_bytes(bytes(whole))
    with pytest.raises(RunFolderError, match=r"manifest\.parquet is damaged: run the same command again"):
        run_status(folder, verify=True)


def test_missing_manifest_is_told(folder: RunFolder) -> None:
    folder.manifest.unlink()
    with pytest.raises(RunFolderError, match=r"manifest\.parquet is missing"):
        run_status(folder, verify=False)


def test_manifest_of_another_run_is_refused(folder: RunFolder, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", cats_and_dogs(20, targets=False))
    folder.manifest.write_bytes(other.manifest.read_bytes())
    with pytest.raises(RunFolderError, match=r"manifest\.parquet and run\.json are of two runs"):
        RunReader(folder)


def test_shard_that_is_a_folder_is_left_to_its_owner(folder: RunFolder) -> None:
    ALL["a folder"](folder)
    assert run_status(folder, verify=True).damaged == {1: "is not a file, although it has the name of one"}
    with pytest.raises(RunFolderError, match=r"shard-00001-of-00003\.parquet; it is a folder\. Move it away"):
        remove_shard(folder.shard(1, 3))


@pytest.mark.parametrize("name", ["a FIFO", "a dangling link"])
def test_what_stands_in_a_shards_place_and_is_no_folder_is_removed(folder: RunFolder, name: str) -> None:
    ALL[name](folder)
    remove_shard(folder.shard(1, 3))
    assert folder.missing_shards(3) == [1]


def test_bucket_that_cannot_be_reached_says_nothing_of_its_shards(bucket: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_run(bucket / "run", cats_and_dogs(20))
    read_bytes = Url.read_bytes

    def cut_off(url: Url) -> bytes:
        if url.suffix == ".parquet":
            raise BucketError(None, "no connection", str(url))
        return read_bytes(url)

    monkeypatch.setattr(Url, "read_bytes", cut_off)
    with pytest.raises(BucketError, match="no connection"):
        run_status(folder, verify=True)


def test_run_in_a_bucket_is_verified_as_one_on_a_disk(bucket: Url) -> None:
    folder = write_run(bucket / "run", cats_and_dogs(20))
    assert run_status(folder, verify=True).is_complete
    ALL["other probabilities"](folder)
    (folder.predictions / "notes.txt").write_bytes(b"")
    status = run_status(folder, verify=True)
    assert (list(status.damaged), status.foreign) == ([1], ["notes.txt"])


def test_features_are_held_against_their_own_columns(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    write_features(folder, cats_and_dogs(8))
    assert run_status(folder, verify=True).is_complete
    table = pq.read_table(folder.shard(0, 1))
    for damaged in (table.drop_columns(["target"]), table.append_column("more", pa.array([1.0] * 8))):
        pq.write_table(damaged, folder.shard(0, 1))
        assert list(run_status(folder, verify=False).damaged) == [0]
