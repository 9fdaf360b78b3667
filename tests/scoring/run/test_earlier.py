import errno
import os
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scoring.errors import RunFolderError, StorageError
from scoring.run.earlier import load_earlier_record
from scoring.run.fingerprint import check_same, labels_digest
from scoring.run.folder import RunFolder
from tests.faults import fail, system_fault
from tests.places import on_disk
from tests.runs import cats_and_dogs, record_of, write_run


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return write_run(tmp_path / "run", cats_and_dogs(20))


def test_record_of_the_same_run_is_taken_up(folder: RunFolder) -> None:
    record = record_of(folder.path)
    assert load_earlier_record(folder, asdict(record.fingerprint)) == record
    assert load_earlier_record(folder, {"engine": "keras-fake"}) == record


def test_record_of_another_run_is_refused_by_the_fields_name(folder: RunFolder) -> None:
    with pytest.raises(RunFolderError, match="whose engine differs: expected keras-fake, received mnn"):
        load_earlier_record(folder, {"engine": "mnn"})


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("f00:penultimate:mean:float16", "whose `dtype` differs: expected float32, received float16. Use another"),
        ("f00:penultimate:max:float32", "whose `pooling` differs: expected mean, received max. Use another"),
        ("f00:a%3Ab:mean:float32", "whose `features` differs: expected penultimate, received a%3Ab. Use another"),
        ("b01:x:penultimate:mean:float32", "whose model differs: expected f00, received b01:x. Use another"),
        ("f00", r"expected f00:.*, received f00\. One is of embed, the other is not\. Use another"),
    ],
)
def test_run_of_embed_is_refused_by_the_option_that_differs(folder: RunFolder, model: str, said: str) -> None:
    embedded = replace(record_of(folder.path).fingerprint, model="f00:penultimate:mean:float32")
    with pytest.raises(RunFolderError, match=said):
        check_same(embedded, {"model": model}, "run")


@pytest.mark.parametrize("content", [None, "", "null", "[]", "{}", "{half"])
def test_without_a_whole_record_the_shards_say_whose_they_are(folder: RunFolder, content: str | None) -> None:
    known = asdict(record_of(folder.path).fingerprint)
    if content is None:
        folder.record.unlink()
    else:
        on_disk(folder.record).write_text(content)
    assert load_earlier_record(folder, known) is None
    with pytest.raises(RunFolderError, match="whose model differs"):
        load_earlier_record(folder, {**known, "model": "another"})
    assert folder.missing_shards(3) == []


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (("dog", "cat"), "expected 'cat' as class 0, received 'dog'."),
        (("cat", "fox"), "expected 'dog' as class 1, received 'fox'."),
        (("cat", "dog", "fox"), "expected 2, received 3."),
        ((), "expected 2, received 0. One is of embed, the other is not."),
        (None, f"expected {labels_digest(('cat', 'dog'))}, received another."),
    ],
)
def test_other_labels_are_refused_by_their_names_where_they_are_known(
    folder: RunFolder, labels: tuple[str, ...] | None, said: str
) -> None:
    known = asdict(replace(record_of(folder.path).fingerprint, labels="another"))
    with pytest.raises(RunFolderError, match=f"holds a run whose labels differ: {said} Use another"):
        load_earlier_record(folder, known, labels)


def test_damaged_shards_do_not_speak_for_the_others(folder: RunFolder) -> None:
    known = asdict(record_of(folder.path).fingerprint)
    folder.record.unlink()
    folder.shard(0, 3).write_bytes(b"half")
    assert load_earlier_record(folder, known) is None
    folder.shard(1, 3).write_bytes(b"half")
    folder.shard(2, 3).write_bytes(b"half")
    assert load_earlier_record(folder, known) is None


def test_a_record_or_a_shard_that_cannot_be_read_now_is_not_passed_over_as_damaged(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = asdict(record_of(folder.path).fingerprint)
    with monkeypatch.context() as patch:
        fail(patch, Path, "read_bytes", on_disk(folder.record), system_fault(errno.EACCES))
        with pytest.raises(StorageError, match=r"Cannot read .*run\.json: Permission denied\. Run again"):
            load_earlier_record(folder, known)
    folder.record.unlink()
    fail(monkeypatch, pq, "ParquetFile", on_disk(folder.shard(0, 3)), system_fault(errno.EACCES))
    with pytest.raises(StorageError, match=r"Cannot read .*shard-00000.*: Permission denied\. Run again"):
        load_earlier_record(folder, known)


def test_one_shard_of_ours_is_enough(folder: RunFolder, tmp_path: Path) -> None:
    known = asdict(replace(record_of(folder.path).fingerprint, images="others"))
    other = write_run(tmp_path / "other", cats_and_dogs(12))
    folder.shard(0, 3).write_bytes(other.shard(0, 2).read_bytes())
    folder.record.unlink()
    known |= {"images": record_of(other.path).fingerprint.images}
    assert load_earlier_record(folder, known) is None


def test_new_folder_holds_nothing(tmp_path: Path) -> None:
    assert load_earlier_record(RunFolder(tmp_path / "run"), {"engine": "mnn"}) is None


def test_pipe_among_the_shards_is_passed_over_and_not_waited_for(folder: RunFolder) -> None:
    known = asdict(record_of(folder.path).fingerprint)
    folder.record.unlink()
    on_disk(folder.shard(0, 3)).unlink()
    os.mkfifo(on_disk(folder.shard(0, 3)))
    assert load_earlier_record(folder, known) is None
    with pytest.raises(RunFolderError, match="whose model differs"):
        load_earlier_record(folder, {**known, "model": "another"})
