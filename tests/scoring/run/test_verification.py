import errno
import math
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scoring.errors import RunFolderError, StorageError
from scoring.pixels.decoding import Resize
from scoring.run.folder import RunFolder
from scoring.run.manifest import write_manifest
from scoring.run.verification import run_status
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings, fingerprint_of
from scoring.sources.inputs import find_images
from scoring.storage.locations import Location
from tests.fakes import FAKE_MODEL, load_fake
from tests.faults import fail, system_fault
from tests.places import on_disk
from tests.runs import bare_record, record_of, save_record


@pytest.fixture
def folder(photos: Path, tmp_path: Path) -> RunFolder:
    """A finished run of three shards with five, five and two rows, one of them an error."""
    (photos / "7.png").write_text("<html>")
    folder = RunFolder(tmp_path / "run")
    folder.predictions.mkdir(parents=True)
    manifest = write_manifest(folder.manifest, find_images(photos).images, 5, 0)
    settings = ScorerSettings(photos, folder.path, FAKE_MODEL, Resize.SQUASH, 4, decode_threads=1)
    scorer = ShardScorer(settings, load_fake)
    for shard_id in range(3):
        scorer(shard_id)
    save_record(folder, bare_record(fingerprint_of(settings, manifest.digest, scorer.description), 3, 12))
    return folder


@pytest.mark.parametrize("verify", [False, True])
def test_sound_run_is_complete(folder: RunFolder, verify: bool) -> None:
    status = run_status(folder, verify)
    assert status.is_complete
    assert (status.done, status.num_rows, status.num_errors) == ([0, 1, 2], 12, 1)


def test_of_many_shards_always_the_same_few_are_looked_at_and_all_missing_ones_counted(folder: RunFolder) -> None:
    folder.shard(1, 3).unlink()
    first, again = (run_status(folder, verify=False, max_shards=1) for _ in range(2))
    assert first == again
    assert (len(first.done), first.missing) == (1, [1])


def test_of_named_shards_alone_the_others_count_neither_as_done_nor_as_missing(folder: RunFolder) -> None:
    folder.shard(0, 3).unlink()
    folder.shard(1, 3).unlink()
    status = run_status(folder, verify=True, shards=[1, 2])
    assert (status.done, status.missing, status.num_rows) == ([2], [1], 2)


@pytest.mark.parametrize("verify", [False, True])
def test_missing_truncated_and_foreign_shards_are_told_apart(folder: RunFolder, verify: bool) -> None:
    folder.shard(0, 3).unlink()
    whole = folder.shard(1, 3).read_bytes()
    folder.shard(1, 3).write_bytes(whole[: len(whole) // 2])
    record = record_of(folder.path)
    save_record(folder, replace(record, fingerprint=replace(record.fingerprint, model="another")))
    status = run_status(folder, verify)
    assert status.missing == [0]
    assert "cannot be read" in status.damaged[1]
    assert status.damaged[2] == "is of another run: its model differs"
    assert not status.is_complete


def _fail(patch: pytest.MonkeyPatch, step: str, place: Location, fault: BaseException, times: float = math.inf) -> None:
    """Have a file fail that is looked at, or opened."""
    for owner, name in {"looking": [(Path, "stat")], "opening": [(Path, "read_bytes"), (pq, "ParquetFile")]}[step]:
        fail(patch, owner, name, on_disk(place), fault, times)


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("step", ["looking", "opening"])
@pytest.mark.parametrize("fault", [system_fault(errno.EACCES), system_fault(errno.ENOTCONN), MemoryError()])
def test_what_keeps_a_file_from_being_read_is_no_damage_of_it(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, step: str, fault: BaseException, verify: bool
) -> None:
    for place in (folder.shard(1, 3), folder.manifest, folder.record):
        _fail(monkeypatch, step, place, fault)
        with pytest.raises(StorageError, match=rf"^Cannot read .*{place.name}: .*\. Run again once it can be read\.$"):
            run_status(folder, verify)


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("step", ["looking", "opening"])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.ESTALE])
def test_a_read_that_fails_for_a_moment_is_tried_again(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, step: str, number: int, verify: bool
) -> None:
    for place in (folder.manifest, folder.record, folder.shard(0, 3), folder.shard(2, 3)):
        _fail(monkeypatch, step, place, system_fault(number), times=1)
    assert run_status(folder, verify).is_complete


def test_shard_with_rows_of_another_is_damaged(folder: RunFolder) -> None:
    folder.shard(1, 3).write_bytes(folder.shard(0, 3).read_bytes())
    folder.shard(2, 3).write_bytes(folder.shard(0, 3).read_bytes())
    status = run_status(folder, verify=True)
    assert status.damaged == {1: "has other image ids than the manifest", 2: "has 5 rows instead of 2"}
    of_others = "was made when some of its images held something else"
    assert run_status(folder, verify=False).damaged == {1: of_others, 2: "has 5 rows instead of 2"}


def test_every_flipped_byte_of_the_data_is_found_by_its_checksum(folder: RunFolder) -> None:
    path = folder.shard(0, 3)
    whole, rows = path.read_bytes(), pq.read_table(path).to_pylist()
    data_end = min(len(whole) - 8, pq.ParquetFile(path).metadata.row_group(0).total_byte_size)
    for position in range(4, data_end, 37):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x10]) + whole[position + 1 :])
        found = run_status(folder, verify=True)
        assert 0 in found.damaged or pq.read_table(path).to_pylist() == rows
    path.write_bytes(whole)
    assert run_status(folder, verify=True).is_complete


def test_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="Expected a run folder"):
        run_status(RunFolder(tmp_path), verify=False)


def test_damaged_manifest_is_told(folder: RunFolder) -> None:
    folder.manifest.write_bytes(b"PAR1")
    with pytest.raises(RunFolderError, match=r"manifest\.parquet is damaged"):
        run_status(folder, verify=False)
