import errno
import json
from pathlib import Path

import pyarrow as pa
import pytest

from scoring.errors import LeaseLostError, RunFolderError, StorageError
from scoring.run import lease
from scoring.run.fence import Fence
from scoring.run.folder import RunFolder
from scoring.run.holder import Holder
from scoring.run.holding import hold_folder, refuse_foreign_files, remove_earlier_run
from scoring.run.manifest import write_manifest
from scoring.run.predictions import to_parquet
from scoring.storage.durable import whole_file
from scoring.storage.locations import Url
from tests.buckets import put_marker
from tests.faults import fail, system_fault
from tests.places import on_disk
from tests.runs import bare_record, cats_and_dogs, save_record, write_run


def test_new_folder_is_created(tmp_path: Path) -> None:
    with hold_folder(RunFolder(tmp_path / "runs" / "test")):
        pass
    assert (tmp_path / "runs" / "test" / "predictions").is_dir()


def test_folder_with_foreign_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(RunFolderError, match=r"holds thesis\.txt and no run\.json"):
        hold_folder(RunFolder(tmp_path)).__enter__()
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize(
    "name", ["lost+found/", ".gitkeep", ".DS_Store", ".Trash-1000/", "System Volume Information/", "@eaDir/"]
)
def test_what_a_system_makes_or_keeps_in_a_folder_is_no_file_of_others_and_stays(tmp_path: Path, name: str) -> None:
    if name.endswith("/"):
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_text("")
    for _ in range(2):
        with hold_folder(RunFolder(tmp_path)) as lease:
            remove_earlier_run(RunFolder(tmp_path), lease.fence)
        assert (tmp_path / name).exists()


def test_a_folder_that_a_console_made_in_a_bucket_is_an_empty_one(bucket: Url) -> None:
    put_marker(bucket, "run/")
    put_marker(bucket, "run/predictions/")
    folder = RunFolder(bucket / "run")
    with hold_folder(folder) as lease:
        remove_earlier_run(folder, lease.fence)
    assert folder.strangers() == []


@pytest.mark.parametrize("name", ["_temporary", "_delta_log"])
def test_a_table_that_another_program_begins_is_of_others(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(RunFolderError, match=f"holds {name} and no run.json"):
        hold_folder(RunFolder(tmp_path)).__enter__()


_SACRED = {"experiment": {"name": "cats"}, "status": "COMPLETED", "created_at": "today", "versions": {}, "labels": []}
_TABLE = {"image_id": ["1"], "path": ["1.jpg"], "split": ["train"]}


@pytest.mark.parametrize("place", ["disk", "bucket"])
@pytest.mark.parametrize("name", ["run.json", "manifest.parquet", "predictions/fold1.csv"])
@pytest.mark.parametrize("beside_a_run", [False, True])
def test_files_of_other_programs_by_our_names_are_refused_and_left_alone(
    tmp_path: Path, place: str, name: str, beside_a_run: bool, request: pytest.FixtureRequest
) -> None:
    folder = RunFolder((tmp_path if place == "disk" else request.getfixturevalue("bucket")) / "run")
    with hold_folder(folder):
        if beside_a_run:
            write_manifest(folder.manifest, [], 8, 0)
            save_record(folder, bare_record())
    contents = {"run.json": json.dumps(_SACRED).encode(), "manifest.parquet": to_parquet(pa.table(_TABLE))}
    content = contents.get(name, b"years of work")
    with whole_file(folder.path / name) as temporary:
        temporary.write_bytes(content)
    with pytest.raises(RunFolderError, match=Path(name).name.replace(".", "[.]")):
        hold_folder(folder).__enter__()
    with pytest.raises(RunFolderError):
        refuse_foreign_files(folder)
    assert (folder.path / name).read_bytes() == content


@pytest.mark.parametrize("name", ["run.json", "manifest.parquet"])
@pytest.mark.parametrize("damage", ["flipped", "cut"])
def test_our_own_files_are_no_other_programs_for_a_flipped_bit_or_where_they_are_cut_off(
    tmp_path: Path, name: str, damage: str
) -> None:
    folder = write_run(tmp_path / "run", cats_and_dogs(10))
    path = on_disk(folder.path) / name
    content = path.read_bytes()
    for number in range(0, 8 * len(content), 37):
        damaged = bytearray(content)
        damaged[number // 8] ^= 1 << number % 8
        path.write_bytes(damaged if damage == "flipped" else content[: number // 8])
        refuse_foreign_files(folder)


def test_overwrite_refuses_a_file_that_came_among_the_shards_since_and_removes_nothing(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", cats_and_dogs(10))
    with hold_folder(folder) as lease:
        (tmp_path / "run" / "predictions" / "mine.csv").write_text("mine")
        with pytest.raises(RunFolderError, match=r"nothing but the run's shards in .*; it holds mine\.csv"):
            remove_earlier_run(folder, lease.fence)
    assert folder.record.is_file()
    assert folder.missing_shards(2) == []


def test_file_is_refused_as_a_folder(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(RunFolderError, match="is a file"):
        hold_folder(RunFolder(tmp_path / "run")).__enter__()


def test_overwrite_removes_what_a_run_wrote_and_nothing_else(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with hold_folder(folder):
        save_record(folder, bare_record())
        on_disk(folder.shard(0, 1)).write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    with hold_folder(folder) as lease:
        remove_earlier_run(folder, lease.fence)
    assert not folder.record.exists()
    assert folder.missing_shards(1) == [0]
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_overwrite_refuses_predictions_that_are_a_link_and_leaves_it(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with hold_folder(folder):
        save_record(folder, bare_record())
    on_disk(folder.predictions).rename(tmp_path / "elsewhere")
    on_disk(folder.predictions).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="it is a link"), hold_folder(folder) as lease:
        remove_earlier_run(folder, lease.fence)
    assert on_disk(folder.predictions).is_symlink()
    assert folder.record.is_file()


def test_overwrite_that_fails_at_the_shards_leaves_the_run_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path)
    with hold_folder(folder):
        save_record(folder, bare_record())
    fail(monkeypatch, Path, "rename", on_disk(folder.predictions), system_fault(errno.EROFS))
    with pytest.raises(StorageError, match="Read-only file system"), hold_folder(folder) as lease:
        remove_earlier_run(folder, lease.fence)
    assert folder.record.is_file()


def test_missing_shards_are_those_without_a_file_of_this_count(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with hold_folder(folder):
        on_disk(folder.shard(0, 3)).write_text("")
        on_disk(folder.shard(1, 9)).write_text("")  # of an earlier plan
    assert folder.missing_shards(3) == [1, 2]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "left_behind",
    [
        [".manifest.parquet.61ee8756.tmp/manifest.parquet"],
        [".run.json.0a1b2c3d.tmp/run.json", "predictions/.shard-00000-of-00001.parquet.61ee8756.tmp/shard"],
        [".lease.json.61ee8756.tmp/lease.json", ".x.tmp"],
        ["lease.json", "sonar/.metrics.json.61ee8756.tmp/metrics.json"],
    ],
)
def test_what_our_own_killed_writers_left_is_taken_up(tmp_path: Path, left_behind: list[str], overwrite: bool) -> None:
    for name in left_behind:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"half")
    folder = RunFolder(tmp_path)
    with hold_folder(folder) as lease:
        if overwrite:
            remove_earlier_run(folder, lease.fence)
        save_record(folder, bare_record())
    assert not [path for path in tmp_path.rglob(".*") if path.is_dir()]


@pytest.mark.parametrize(("link", "output"), [("run", "run"), ("disk", "disk/runs/1"), ("run/predictions", "run")])
def test_a_link_to_nothing_is_named_with_what_to_do(tmp_path: Path, link: str, output: str) -> None:
    (tmp_path / link).parent.mkdir(exist_ok=True)
    (tmp_path / link).symlink_to(tmp_path / "unmounted")
    told = rf"^Cannot write .*: {tmp_path / link} is a link to nothing; make the folder that it leads to\.$"
    with pytest.raises(StorageError, match=told), hold_folder(RunFolder(tmp_path / output)):
        pass
    (tmp_path / "unmounted").mkdir()
    with hold_folder(RunFolder(tmp_path / output)):
        assert (tmp_path / output / "predictions").is_dir()


def test_a_second_driver_in_the_first_moments_is_told_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "BEAT_S", 0.1)
    folder = RunFolder(tmp_path)
    with hold_folder(folder):
        (tmp_path / ".manifest.parquet.61ee8756.tmp").mkdir()
        with pytest.raises(RunFolderError, match=r"is being written by process \d+"):
            hold_folder(folder).__enter__()
        assert (tmp_path / ".manifest.parquet.61ee8756.tmp").is_dir()


def test_a_driver_that_lost_its_lease_leaves_the_folder_to_the_other(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    other = Holder("elsewhere", 1, "2026-01-01T00:00:00+00:00", "another")
    with pytest.raises(LeaseLostError, match="another driver took over"), hold_folder(folder):
        folder.lease.write_bytes(other.to_bytes())
        (folder.predictions / ".shard-00000-of-00001.parquet.61ee8756.tmp").mkdir()
    assert (folder.predictions / ".shard-00000-of-00001.parquet.61ee8756.tmp").is_dir()
    assert folder.lease.read_bytes() == other.to_bytes()


@pytest.mark.parametrize("has_begun", [False, True])
def test_a_driver_that_was_frozen_before_it_removes_the_earlier_run_leaves_the_folder_to_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_begun: bool
) -> None:
    """Where it stands still: it holds the lease, and has not removed anything yet, or has removed the record."""
    folder = RunFolder(tmp_path)
    with hold_folder(folder):
        save_record(folder, bare_record())
    other = Holder("elsewhere", 1, "2026-01-01T00:00:00+00:00", "another")

    check = Fence.check

    def look(fence: Fence) -> None:
        if folder.record.exists() != has_begun:
            on_disk(folder.lease).write_bytes(other.to_bytes())
            on_disk(folder.shard(0, 1)).write_text("the other's")
        check(fence)

    with pytest.raises(LeaseLostError, match="another driver took over"), hold_folder(folder) as held:
        monkeypatch.setattr(Fence, "check", look)
        remove_earlier_run(folder, held.fence)
    assert on_disk(folder.shard(0, 1)).read_text() == "the other's"
    assert folder.record.is_file() != has_begun


def test_what_goes_wrong_after_another_took_over_is_told_as_that(tmp_path: Path) -> None:
    """The other has started clean: files that it removed are missed."""
    folder = RunFolder(tmp_path / "run")
    with (
        pytest.raises(LeaseLostError, match="another driver took over"),
        hold_folder(folder),
    ):
        on_disk(folder.lease).unlink()
        raise RunFolderError("Expected a run folder; it has no run.json of one.")
    with pytest.raises(RunFolderError, match=r"has no run\.json"), hold_folder(folder):
        raise RunFolderError("Expected a run folder; it has no run.json of one.")


@pytest.mark.parametrize(
    "fault", [FileNotFoundError(2, "No such file"), pa.ArrowInvalid("no Parquet"), KeyError("rows")]
)
def test_what_a_driver_meets_where_another_took_over_is_not_what_is_wrong(tmp_path: Path, fault: Exception) -> None:
    folder = RunFolder(tmp_path)
    other = Holder("elsewhere", 1, "2026-01-01T00:00:00+00:00", "another")
    with pytest.raises(LeaseLostError, match="another driver took over"), hold_folder(folder):
        folder.lease.write_bytes(other.to_bytes())
        raise fault  # as of files that the other has removed or replaced
    with pytest.raises(type(fault)), hold_folder(RunFolder(tmp_path / "own")):
        raise fault
