import errno
import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import LeaseLostError, StorageError
from scoring.run.fence import Fence
from scoring.run.fingerprint import Fingerprint
from scoring.run.folder import RunFolder
from scoring.run.holding import hold_folder
from scoring.run.lease import hold_lease
from scoring.run.predictions import FINGERPRINT_KEY, INPUTS_KEY, ScoredImage, predictions_table, to_parquet
from scoring.run.publishing import publish_shard, replace_shard
from scoring.sources.entries import ImageEntry
from scoring.storage import conditional
from scoring.storage.durable import sync
from scoring.storage.locations import Location, Url
from tests.faults import system_fault
from tests.places import on_disk

_OURS = Fingerprint("i", "m", "l", "squash", "keras", "float32", 2)


@pytest.fixture(params=["disk", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Location:
    """A run folder, on a disk or in a bucket."""
    if request.param == "disk":
        return tmp_path
    bucket: Url = request.getfixturevalue("bucket")
    return bucket / "run"


def _table(dog: float, fingerprint: Fingerprint = _OURS, num_rows: int = 1) -> pa.Table:
    rows = [
        ScoredImage(ImageEntry(str(number), f"{number}.jpg", 1), np.array([1 - dog, dog], np.float32))
        for number in range(num_rows)
    ]
    return predictions_table(rows, ("cat", "dog"), {FINGERPRINT_KEY.decode(): fingerprint.to_json()})


def _digest(path: Location) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_shard_is_written_whole_and_its_digest_is_that_of_its_file(place: Location) -> None:
    path = place / "shard.parquet"
    assert publish_shard(path, _table(0.25), None) == _digest(path)
    assert pq.read_table(pa.BufferReader(path.read_bytes()))["probability"].to_pylist() == [0.75]


def test_a_copy_that_comes_later_leaves_the_first_and_tells_its_digest(place: Location) -> None:
    """The driver counts the first of two copies: another one's bytes under its digest would count as damage."""
    path = place / "shard.parquet"
    first = publish_shard(path, _table(0.25), None)
    assert publish_shard(path, _table(0.2500001), None) == first == _digest(path)


@pytest.mark.parametrize(
    "standing",
    [
        to_parquet(_table(0.5, replace(_OURS, model="another"))),
        to_parquet(_table(0.5, num_rows=2)),
        to_parquet(pa.table({"a": [1]})),
        b"half",
    ],
)
def test_what_is_of_no_run_or_another_makes_way(place: Location, standing: bytes) -> None:
    path = place / "shard.parquet"
    path.write_bytes(standing)
    assert publish_shard(path, _table(0.25), None) == _digest(path)
    assert path.read_bytes() == to_parquet(_table(0.25))


def test_a_shard_of_photos_that_were_replaced_since_makes_way(place: Location) -> None:
    """It may be published late by a worker of an earlier driver that was frozen in the middle of its write."""
    path = place / "shard.parquet"
    was, now = (
        _table(dog).replace_schema_metadata(_described(digest)) for dog, digest in ((0.5, "was"), (0.25, "now"))
    )
    publish_shard(path, was, None)
    assert publish_shard(path, now, None) == _digest(path)
    assert path.read_bytes() == to_parquet(now)


def _described(inputs: str) -> dict[str, str]:
    return {FINGERPRINT_KEY.decode(): _OURS.to_json(), INPUTS_KEY.decode(): inputs}


def test_worker_of_a_driver_that_holds_its_lease_publishes(place: Location) -> None:
    with hold_lease(place / "lease.json") as lease:
        publish_shard(place / "shard.parquet", _table(0.25), lease.fence)
    assert (place / "shard.parquet").is_file()


def test_a_file_makes_way_to_a_better_one_made_of_it(place: Location) -> None:
    path = place / "shard.parquet"
    first = publish_shard(path, _table(0.25), None)
    assert replace_shard(path, first, _table(0.5), None) == _digest(path)
    assert path.read_bytes() == to_parquet(_table(0.5))


def test_a_file_that_is_there_already_makes_way_to_no_copy(place: Location) -> None:
    """The driver has been told the digest of the first of two copies."""
    path = place / "shard.parquet"
    first = publish_shard(path, _table(0.25), None)
    second = replace_shard(path, first, _table(0.5), None)
    assert replace_shard(path, first, _table(0.75), None) == second == _digest(path)


def test_worker_of_a_driver_that_has_lost_its_lease_replaces_nothing(place: Location) -> None:
    path = place / "shard.parquet"
    first = publish_shard(path, _table(0.25), None)
    with pytest.raises(LeaseLostError, match="another driver took over"):
        replace_shard(path, first, _table(0.5), Fence(place / "lease.json", "ours", 0))
    assert _digest(path) == first


@pytest.mark.parametrize("takeover", ["taken", "removed", "damaged"])
def test_worker_of_a_driver_that_has_lost_its_lease_writes_nothing(place: Location, takeover: str) -> None:
    lease = place / "lease.json"
    if takeover == "taken":
        with hold_lease(lease) as other:
            stale = Fence(lease, "ours", 0)
            assert other.fence.token != stale.token
            with pytest.raises(LeaseLostError, match=r"another driver took over .*, process \d+ on .* since 20"):
                publish_shard(place / "shard.parquet", _table(0.25), stale)
    else:
        if takeover == "damaged":
            lease.write_bytes(b"{half")
        with pytest.raises(LeaseLostError, match="another driver took over"):
            publish_shard(place / "shard.parquet", _table(0.25), Fence(lease, "ours", 0))
    assert not (place / "shard.parquet").exists()


def test_shard_whose_place_is_taken_by_a_folder_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "shard.parquet").mkdir()
    with pytest.raises(StorageError, match=r"Cannot write .*shard\.parquet: Is a directory"):
        publish_shard(tmp_path / "shard.parquet", _table(0.25), None)


def _publish_and_replace(path: Path) -> None:
    first = publish_shard(path, _table(0.25), None)
    replace_shard(path, first, _table(0.5), None)
    assert path.read_bytes() == to_parquet(_table(0.5))


def test_nothing_half_written_is_ever_among_the_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not hidden either: Polars reads that, and DuckDB below `**`. A killed writer leaves it to the next driver."""
    folder, seen = RunFolder(tmp_path / "run"), list[str]()

    def look(path: Path) -> None:
        sync(path)
        seen.extend(str(each.relative_to(tmp_path / "run")) for each in (tmp_path / "run").rglob("*.parquet"))
        seen.append("-")
        if path.is_file():
            shutil.copytree(path.parent, path.parent.with_name(f"{path.parent.name}.killed.tmp"))

    monkeypatch.setattr(conditional, "sync", look)
    on_disk(folder.predictions).mkdir(parents=True)
    path = on_disk(folder.shard(0, 1))
    _publish_and_replace(path)
    among = [name for name in seen if name.startswith("predictions")]
    assert len(among) < len(seen) - seen.count("-"), "it was not looked at while it was written"
    assert set(among) == {f"predictions/{path.name}"}
    with hold_folder(folder):
        assert [each.name for each in (tmp_path / "run").rglob("*.parquet")] == [path.name]


def test_shards_whose_folder_is_a_link_to_another_disk_are_written_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").mkdir()
    path = tmp_path / "run" / "predictions" / "shard.parquet"
    path.parent.symlink_to(tmp_path / "elsewhere")

    def as_across_disks(name: str) -> Any:
        function = getattr(os, name)

        def move(source: Path, target: Path, **options: Any) -> None:
            if os.path.realpath(Path(source).parent.parent) != os.path.realpath(Path(target).parent):
                raise system_fault(errno.EXDEV)
            function(source, target, **options)

        return move

    for name in ("link", "replace"):
        monkeypatch.setattr(os, name, as_across_disks(name))
    _publish_and_replace(path)
    assert os.listdir(tmp_path / "run") == ["predictions"]
    assert os.listdir(tmp_path / "elsewhere") == ["shard.parquet"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_shards_are_written_where_the_run_folder_itself_takes_nothing(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run" / "predictions" / "shard.parquet"
    path.parent.mkdir(parents=True)
    make = os.mkdir

    def only_below(folder: Path, *options: Any) -> None:
        if Path(folder).parent == tmp_path / "run":
            raise system_fault(code)
        make(folder, *options)

    monkeypatch.setattr(os, "mkdir", only_below)
    _publish_and_replace(path)
    assert os.listdir(path.parent) == ["shard.parquet"]
