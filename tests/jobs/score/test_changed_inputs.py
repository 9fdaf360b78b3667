"""Photos that were replaced between two runs, or could not be read: the same command scores them again.

All of a job but Ray and Keras.
"""

import errno
import io
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from rich.console import Console

from jobs.score.earlier_run import look_at_earlier_run
from jobs.score.listing import BackgroundListing
from jobs.score.record_keeper import RecordKeeper, new_record
from jobs.score.request import ImagesRequest
from jobs.score.settings import scorer_settings
from jobs.score.shard_loop import tasks_of
from jobs.score.sound_shards import keep_sound_shards, renew_photos
from scoring.errors import IncompleteError, RunFolderError, StorageError, UnreachableError
from scoring.pixels.decoding import Resize
from scoring.run.fingerprint import Fingerprint
from scoring.run.folder import RunFolder
from scoring.run.holding import hold_folder
from scoring.run.manifest import MANIFEST_SCHEMA, read_info
from scoring.run.predictions import INPUTS_KEY, shard_files
from scoring.run.publishing import replace_shard
from scoring.run.reader import RunReader
from scoring.run.verification import run_status
from scoring.shards.retry import shard_of
from scoring.shards.scorer import ShardScorer
from scoring.sources.inputs import find_images
from scoring.sources.natural_order import natural_key
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.storage import retrying, web
from scoring.storage.locations import Location, Url
from scoring.storage.stamps import stamp_of
from tests import collections_of_pictures as pictures
from tests.collections_of_pictures import SHADES, Build
from tests.fakes import FAKE_MODEL, load_fake
from tests.faults import fail, system_fault
from tests.local_server import serving
from tests.places import on_disk
from tests.runs import SUMMARY, read_predictions, record_of, save_record

_QUIET = Console(quiet=True)
_MODEL = replace(FAKE_MODEL, model="fake.keras")
_CHANGED = tuple(5 if index == 6 else shade for index, shade in enumerate(SHADES))  # the seventh, in shard 1 of 0 to 2
_ON_DISKS = [pictures.folder, pictures.folder_with_old_times, pictures.folder_of_links, pictures.zip_file]
_ON_DISKS += [pictures.zip_in_zip, pictures.tar_file, pictures.compressed_tar, pictures.tar_in_zip]
_ON_DISKS += [pictures.compressed_tar_in_zip, pictures.folder_of_tars, pictures.table_of_bytes]
_IN_BUCKETS = [pictures.folder, pictures.zip_file, pictures.zip_in_zip, pictures.tar_file, pictures.compressed_tar]
_IN_BUCKETS += [pictures.table_of_bytes, pictures.inventory]
# Where no more is known than that the file they lie in has changed: which of them, and so which shards.
_AT_ONCE: dict[Build, tuple[int, list[int]]] = {
    **dict.fromkeys((pictures.tar_file, pictures.compressed_tar, pictures.tar_in_zip), (12, [0, 1, 2])),
    **dict.fromkeys((pictures.compressed_tar_in_zip, pictures.table_of_bytes), (12, [0, 1, 2])),
    pictures.folder_of_tars: (7, [1, 2]),
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of unpacked archives of its own."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "cache"))


def _score(
    images: Location,
    output: Path,
    num_shards: int = 3,
    resize: Resize = Resize.SQUASH,
    content: str = "image",
    meanwhile: Callable[[], object] = lambda: None,
    console: Console = _QUIET,
) -> tuple[int, list[int]]:
    """Run a job that ends after so many shards; return how many photos had changed, and which shards were to do.

    What happens `meanwhile` does so when the images have been listed.
    """
    columns = TableColumns(content=content) if images.name == "photos.parquet" else NO_COLUMNS
    request = ImagesRequest(images, _MODEL, resize=resize, batch_size=4, shard_size=5, columns=columns)
    folder = RunFolder(output)
    with hold_folder(folder) as lease:
        listing = BackgroundListing(request, folder)
        listing.start(lease.fence)
        manifest = listing.result()
        settings = replace(scorer_settings(request, folder, None), fence=lease.fence)
        scorer = ShardScorer(settings, load_fake)
        keeper = RecordKeeper(folder, lease, new_record(request, settings, manifest, scorer.description), console)
        num_changed = renew_photos(listing, lease, keeper, console)
        status = keep_sound_shards(folder, lease, keeper, console)
        to_do = tasks_of(status)
        meanwhile()
        for task in to_do[:num_shards]:
            keeper.note({shard_of(task): scorer(task).digest})
        keeper.save_digests()
    return num_changed, [shard_of(task) for task in to_do]


def _probabilities(output: Path) -> list[float]:
    rows = read_predictions(RunFolder(output).predictions)
    return [vector[1] for vector in rows["probabilities"].to_pylist()]


def _expected(shades: Sequence[int]) -> list[float]:
    return [pytest.approx(shade / 255, abs=1e-6) for shade in shades]  # type: ignore[misc]


@dataclass(frozen=True)
class Pictures:
    build: Build
    place: Location

    def write(self, shades: Sequence[int] = SHADES) -> Location:
        return self.build(self.place, shades)


@pytest.fixture(params=[*((build, "disk") for build in _ON_DISKS), *((build, "bucket") for build in _IN_BUCKETS)])
def collection(request: pytest.FixtureRequest, tmp_path: Path) -> Pictures:
    """Writes its pictures, as they are or with other ones in the places of some."""
    build, where = request.param
    return Pictures(build, tmp_path if where == "disk" else request.getfixturevalue("bucket"))


def test_replaced_photos_are_scored_again_and_nothing_else(collection: Pictures, tmp_path: Path) -> None:
    images = collection.write()
    assert _score(images, tmp_path / "run") == (0, [0, 1, 2])
    assert _score(images, tmp_path / "run") == (0, [])
    collection.write(_CHANGED)
    assert _score(images, tmp_path / "run") == _AT_ONCE.get(collection.build, (1, [1]))
    assert _probabilities(tmp_path / "run") == _expected(_CHANGED)
    assert _score(images, tmp_path / "run") == (0, [])
    assert run_status(RunFolder(tmp_path / "run"), verify=True).is_complete


def test_a_run_half_finished_mixes_no_old_rows_with_new_ones(collection: Pictures, tmp_path: Path) -> None:
    images = collection.write()
    assert _score(images, tmp_path / "run", num_shards=2) == (0, [0, 1, 2])
    collection.write(_CHANGED)
    num_changed, shards = _AT_ONCE.get(collection.build, (1, [1]))
    scored = min(num_changed, 10)  # those of the third shard had not been scored
    expected = (5 if collection.build is pictures.folder_of_tars else scored, sorted({*shards, 2}))
    assert _score(images, tmp_path / "run") == expected
    assert _probabilities(tmp_path / "run") == _expected(_CHANGED)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of pictures."""
    return on_disk(pictures.folder(tmp_path, SHADES))


def test_a_photo_replaced_by_a_larger_one_is_scored_again_too(photos: Path, tmp_path: Path) -> None:
    _score(photos, tmp_path / "run")
    Image.new("RGB", (80, 60), (5, 5, 5)).save(photos / "7.bmp")
    assert _score(photos, tmp_path / "run") == (1, [1])
    assert _probabilities(tmp_path / "run") == _expected(_CHANGED)
    assert _score(photos, tmp_path / "run") == (0, [])


def test_a_run_that_is_refused_stays_as_it_was(photos: Path, tmp_path: Path) -> None:
    _score(photos, tmp_path / "run")
    pictures.folder(tmp_path, _CHANGED)
    before = _contents(tmp_path / "run")
    with pytest.raises(RunFolderError, match="whose resize differs"):
        _score(photos, tmp_path / "run", resize=Resize.CROP)
    (photos / "13.bmp").write_bytes(pictures.picture(7))
    with pytest.raises(RunFolderError, match=r"added since: 1, such as 13\.bmp"):
        _score(photos, tmp_path / "run")
    (photos / "13.bmp").unlink()
    assert _contents(tmp_path / "run") == before
    assert _score(photos, tmp_path / "run") == (1, [1])


def _contents(output: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in output.rglob("*.parquet")}


def test_a_manifest_that_cannot_be_read_for_a_while_costs_no_shard_and_refuses_no_run(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken for damaged; then the size of a photo that had changed made the run another one."""
    _score(photos, tmp_path / "run")
    Image.new("RGB", (80, 60), (5, 5, 5)).save(photos / "7.bmp")
    before, manifest = _contents(tmp_path / "run"), tmp_path / "run" / "manifest.parquet"
    with monkeypatch.context() as patch:
        fail(patch, pq, "ParquetFile", manifest, system_fault(errno.EACCES))
        with pytest.raises(StorageError, match=r"Cannot read .*manifest\.parquet: Permission denied"):
            _score(photos, tmp_path / "run")
    assert _contents(tmp_path / "run") == before
    fail(monkeypatch, pq, "ParquetFile", manifest, system_fault(errno.EMFILE), times=1)
    assert _score(photos, tmp_path / "run") == (1, [1])
    assert _probabilities(tmp_path / "run") == _expected(_CHANGED)


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES])
def test_finished_shards_that_cannot_be_read_stay_as_they_are(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    _score(photos, tmp_path / "run")
    before = _contents(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(retrying, "_FIRST_WAIT_S", 0.0001)
        fail(patch, Path, "read_bytes", on_disk(RunFolder(tmp_path / "run").shard(1, 3)), system_fault(number))
        with pytest.raises(StorageError, match=r"Cannot read .*shard-00001"):
            _score(photos, tmp_path / "run")
    assert _contents(tmp_path / "run") == before
    assert _score(photos, tmp_path / "run") == (0, [])


def test_whoever_is_killed_between_the_shards_and_the_manifest_does_it_again(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _score(photos, tmp_path / "run")
    pictures.folder(tmp_path, _CHANGED)
    with monkeypatch.context() as patch:
        patch.setattr("scoring.run.renewal.write_manifest", _killed)
        with pytest.raises(KeyboardInterrupt):
            _score(photos, tmp_path / "run")
    assert RunFolder(tmp_path / "run").missing_shards(3) == [1]
    assert _score(photos, tmp_path / "run") == (0, [1])
    assert _probabilities(tmp_path / "run") == _expected(_CHANGED)
    assert _score(photos, tmp_path / "run") == (0, [])


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_shards_say_themselves_which_photos_they_were_made_of(photos: Path, tmp_path: Path) -> None:
    """A manifest that was lost is written anew, of the photos as they are now; so the shards must tell."""
    _score(photos, tmp_path / "run")
    pictures.folder(tmp_path, _CHANGED)
    RunFolder(tmp_path / "run").manifest.unlink()
    assert _num_done(photos, tmp_path / "run") == 7
    assert _score(photos, tmp_path / "run") == (0, [1])
    assert _probabilities(tmp_path / "run") == _expected(_CHANGED)


def _score_as_before(images: Location, output: Path, num_shards: int = 3, timespec: str = "microseconds") -> None:
    """Score as version 0.1.0 did: neither its manifest nor its shards knew of contents. What is written now is later.

    Its record tells the second that the run began in; with `uncut` more, so that no test waits for the next second.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scoring.run.manifest.MANIFEST_SCHEMA", pa.schema(list(MANIFEST_SCHEMA)[:-1]))
        patch.setattr("scoring.shards.shard_files.INPUTS_KEY", b"nothing")
        _score(images, output, num_shards)
    began_at = datetime.now(UTC).isoformat(timespec=timespec)
    save_record(RunFolder(output), replace(record_of(output), created_at=began_at))
    time.sleep(0.02)  # a file's time may be that of the last tick of the system's clock


@pytest.fixture
def uncut(monkeypatch: pytest.MonkeyPatch) -> None:
    """See `_score_as_before`."""
    monkeypatch.setattr("scoring.run.renewal._CUT_S", 0.0)


def test_an_earlier_versions_run_goes_on_with_photos_that_are_older_than_it(
    photos: Path, tmp_path: Path, uncut: None
) -> None:
    folder, told = RunFolder(tmp_path / "run"), io.StringIO()
    _score_as_before(photos, tmp_path / "run", num_shards=2)
    before = read_info(folder.manifest)
    assert _num_done(photos, tmp_path / "run") == 10
    pictures.folder(tmp_path, _CHANGED)
    assert _num_done(photos, tmp_path / "run") == 5
    assert _score(photos, tmp_path / "run", console=Console(file=told, width=200)) == (1, [1, 2])
    assert "whose files are newer than the run" in told.getvalue()
    assert not record_of(tmp_path / "run").has_others, "they may be copies"
    assert _probabilities(tmp_path / "run") == _expected(_CHANGED)
    assert read_info(folder.manifest) == before
    pictures.folder(tmp_path, tuple(9 if index in (1, 11) else shade for index, shade in enumerate(_CHANGED)))
    told.truncate(0)
    assert _score(photos, tmp_path / "run", console=Console(file=told, width=200)) == (2, [0, 2])
    assert "newer than the run" not in told.getvalue()
    assert not record_of(tmp_path / "run").has_others, "nor does another time tell them from copies"


def test_a_photo_that_is_known_to_be_another_stays_known_after_its_shard_was_lost_and_a_summary_told(
    photos: Path, tmp_path: Path
) -> None:
    _score_as_before(photos, tmp_path / "run", num_shards=2)
    (photos / "12.bmp").write_bytes(b"of another size")
    assert _score(photos, tmp_path / "run") == (0, [2])
    save_record(RunFolder(tmp_path / "run"), replace(record_of(tmp_path / "run"), summary=SUMMARY))
    assert _score(photos, tmp_path / "run") == (0, [])
    assert record_of(tmp_path / "run").has_others


@pytest.mark.parametrize("build", _ON_DISKS)
def test_what_replaces_photos_of_an_earlier_versions_run_is_newer_than_it(
    tmp_path: Path, build: Build, uncut: None
) -> None:
    """A zip's checksums were not kept."""
    images = build(tmp_path, SHADES)
    if build is pictures.folder_of_links:
        pictures.folder_of_links(tmp_path, _CHANGED)  # what the link will lead to is older than the run
        pictures.folder_of_links(tmp_path, SHADES)
    _score_as_before(images, tmp_path / "run")
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    assert _score(images, tmp_path / "copy") == (0, [])
    build(tmp_path, _CHANGED)
    in_archive = (12, [0, 1, 2]) if build in (pictures.zip_file, pictures.zip_in_zip) else (1, [1])
    expected = (12, [0, 1, 2]) if build is pictures.folder_of_links else _AT_ONCE.get(build, in_archive)
    assert _score(images, tmp_path / "run") == expected
    assert _probabilities(tmp_path / "run") == _expected(_CHANGED)
    assert _score(images, tmp_path / "run") == (0, [])


@pytest.mark.parametrize(("build", "expected"), [(pictures.folder, (1, [1])), (pictures.zip_file, (12, [0, 1, 2]))])
def test_objects_that_replace_photos_of_an_earlier_versions_run_are_newer_than_it(
    bucket: Url, tmp_path: Path, build: Build, expected: tuple[int, list[int]]
) -> None:
    images = build(bucket, SHADES)
    _score_as_before(images, tmp_path / "run", timespec="seconds")
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    assert _score(images, tmp_path / "copy") == (0, [])
    time.sleep(1.0)  # the least difference of times in a bucket
    build(bucket, _CHANGED)
    assert _score(images, tmp_path / "run") == expected
    assert _probabilities(tmp_path / "run") == _expected(_CHANGED)


@pytest.mark.parametrize("lost", [["run.json"], ["manifest.parquet"], ["run.json", "manifest.parquet"]], ids="-".join)
def test_what_is_left_of_an_earlier_versions_run_is_not_taken_for_that_of_photos_of_now(
    photos: Path, tmp_path: Path, uncut: None, lost: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is it when whoever writes a manifest anew is stopped then."""
    _score_as_before(photos, tmp_path / "run")
    pictures.folder(tmp_path, _CHANGED)
    for name in lost:
        (tmp_path / "run" / name).unlink()
    with monkeypatch.context() as patch:
        patch.setattr("tests.jobs.score.test_changed_inputs.RecordKeeper", _killed)
        with pytest.raises(KeyboardInterrupt):
            _score(photos, tmp_path / "run")
    assert _score(photos, tmp_path / "run") == (1, [1])
    assert _probabilities(tmp_path / "run") == _expected(_CHANGED)
    assert _score(photos, tmp_path / "run") == (0, [])


def test_an_earlier_versions_run_of_a_column_of_bytes_goes_on_with_that_column_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its fingerprints did not name the column; its request did."""
    columns = {name: [pictures.picture(shade) for shade in shades] for name, shades in (("a", SHADES), ("b", _CHANGED))}
    table = tmp_path / "photos.parquet"
    pq.write_table(pa.table(columns), table)
    with monkeypatch.context() as patch:
        named = Fingerprint.stored_fields
        patch.setattr(Fingerprint, "stored_fields", lambda own: named(replace(own, bytes_column="")))
        _score(table, tmp_path / "run", num_shards=2, content="a")
    with pytest.raises(RunFolderError, match="whose bytes_column differs: expected a, received b"):
        _score(table, tmp_path / "run", content="b")
    assert _score(table, tmp_path / "run", content="a") == (0, [2])
    assert _score(table, tmp_path / "run", content="a") == (0, [])
    assert run_status(RunFolder(tmp_path / "run"), verify=True).is_complete
    with pytest.raises(RunFolderError, match="whose bytes_column differs: expected a, received b"):
        _score(table, tmp_path / "run", content="b")


def test_of_a_table_of_paths_no_more_is_known_than_the_paths(photos: Path, tmp_path: Path) -> None:
    """The manual says so: to look at each would cost a request for each."""
    names = [str(path) for path in sorted(photos.iterdir())]
    pq.write_table(pa.table({"path": names}), tmp_path / "paths.parquet")
    _score(tmp_path / "paths.parquet", tmp_path / "run")
    pictures.folder(tmp_path, _CHANGED)
    assert _score(tmp_path / "paths.parquet", tmp_path / "run") == (0, [])


def test_changes_are_counted_until_a_summary_tells_of_them(photos: Path, tmp_path: Path) -> None:
    _score(photos, tmp_path / "run")
    pictures.folder(tmp_path, _CHANGED)
    assert _score(photos, tmp_path / "run", num_shards=0) == (1, [1])
    pictures.folder(tmp_path, SHADES)
    pictures.folder(tmp_path, (7, *SHADES[1:]))
    assert _score(photos, tmp_path / "run") == (1, [0, 1])
    record = record_of(tmp_path / "run")
    assert record.num_changed == 2
    save_record(RunFolder(tmp_path / "run"), replace(record, summary=SUMMARY))
    assert _score(photos, tmp_path / "run") == (0, [])
    assert record_of(tmp_path / "run").num_changed == 0


@pytest.mark.parametrize("ended_at", ["manifest.parquet", "run.json"])
def test_changes_are_counted_though_the_driver_ended_while_it_took_note(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended_at: str
) -> None:
    """What is not yet removed may count twice; what is, is never forgotten."""
    _score(photos, tmp_path / "run")
    pictures.folder(tmp_path, (7, *_CHANGED[1:]))
    replace_file = Path.replace

    def end(path: Path, target: Path) -> None:
        replace_file(path, target)
        if target.name == ended_at and record_of(tmp_path / "run").num_changed:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", end)
        _score(photos, tmp_path / "run")
    _score(photos, tmp_path / "run")
    assert record_of(tmp_path / "run").num_changed == (2 if ended_at == "manifest.parquet" else 4)


def test_photos_of_the_same_names_elsewhere_are_refused_unless_they_are_the_same_ones(
    photos: Path, tmp_path: Path
) -> None:
    _score(photos, tmp_path / "run")
    elsewhere = on_disk(pictures.folder(tmp_path / "elsewhere", _CHANGED))
    before = _contents(tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"in .*elsewhere.*, 12 of 12 are others\. Use another `output`"):
        _score(elsewhere, tmp_path / "run")
    assert _contents(tmp_path / "run") == before
    moved = photos.rename(tmp_path / "moved")
    assert _score(moved, tmp_path / "run") == (0, [])


def _tables_of_equal_paths(folder: Path) -> list[Path]:
    """Two tables, each beside its photos, which are others of the same names."""
    tables = []
    for place, shades in (("one", SHADES), ("two", _CHANGED)):
        photos = on_disk(pictures.folder(folder / place, shades))
        tables.append(photos / "paths.parquet")
        pq.write_table(pa.table({"path": sorted(path.name for path in photos.iterdir())}), tables[-1])
    return tables


def test_a_table_elsewhere_with_the_same_relative_paths_is_refused(tmp_path: Path) -> None:
    """Nothing is known of its images but their paths."""
    tables = _tables_of_equal_paths(tmp_path)
    _score(tables[0], tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"nothing tells whether those of the same names in .*two.* are the same"):
        _score(tables[1], tmp_path / "run")
    absolute = tmp_path / "absolute.parquet"
    pq.write_table(pa.table({"path": sorted(map(str, tables[0].parent.glob("*.bmp")))}), absolute)
    _score(absolute, tmp_path / "other")
    assert _score(absolute.rename(tmp_path / "renamed.parquet"), tmp_path / "other") == (0, [])


@pytest.mark.parametrize("is_cut", [False, True], ids=["gone", "cut"])
@pytest.mark.parametrize("lost", [["run.json"], ["manifest.parquet"], ["run.json", "manifest.parquet"]], ids="-".join)
def test_a_table_elsewhere_is_refused_by_what_is_left_of_a_run(tmp_path: Path, lost: list[str], is_cut: bool) -> None:
    """Record and shards tell where their images lay."""
    tables = _tables_of_equal_paths(tmp_path)
    _score(tables[0], tmp_path / "run")
    for path in (tmp_path / "run" / name for name in lost):
        content = path.read_bytes()
        path.unlink()
        if is_cut:
            path.write_bytes(content[: len(content) // 2])
    with pytest.raises(RunFolderError, match=r"scored, in .*one.*; nothing tells whether those .*two.* are the same"):
        _score(tables[1], tmp_path / "run")
    assert _score(tables[0], tmp_path / "run") == (0, [])


@pytest.mark.parametrize(
    "spelling",
    [
        "./place/paths.parquet",
        "place/../place/paths.parquet",
        "linked/paths.parquet",
        "linked/link.parquet",
        "to_parts/",
    ],
)
def test_the_same_table_is_the_same_however_it_is_spelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    """Its folder is: from there its paths go on."""
    photos = on_disk(pictures.folder(tmp_path, SHADES)).rename(tmp_path / "place")
    names = sorted(path.name for path in photos.iterdir())
    pq.write_table(pa.table({"path": names}), photos / "paths.parquet")
    (photos / "link.parquet").symlink_to("paths.parquet")
    (tmp_path / "linked").symlink_to("place")
    (tmp_path / "parts").mkdir()
    pq.write_table(pa.table({"path": [f"../place/{name}" for name in names]}), tmp_path / "parts" / "0.parquet")
    (tmp_path / "to_parts").symlink_to("parts")
    monkeypatch.chdir(tmp_path)
    table = Path(spelling)
    same = tmp_path / "parts" if table.is_dir() else photos / "paths.parquet"
    _score(same, tmp_path / "run")
    assert _score(table, tmp_path / "run") == (0, [])
    assert _score(same, tmp_path / "run") == (0, [])


def test_a_link_to_a_table_in_another_folder_names_the_images_there(tmp_path: Path) -> None:
    tables = []
    for place, shades in (("one", SHADES), ("two", _CHANGED)):
        photos = on_disk(pictures.folder(tmp_path / place, shades))
        tables.append(photos / "paths.parquet")
    pq.write_table(pa.table({"path": sorted(path.name for path in photos.iterdir())}), tables[0])
    tables[1].symlink_to(tables[0])
    _score(tables[0], tmp_path / "run")
    with pytest.raises(RunFolderError, match="nothing tells whether those of the same names"):
        _score(tables[1], tmp_path / "run")


def test_another_column_of_images_of_the_same_table_is_refused_by_its_name(tmp_path: Path) -> None:
    columns = {name: [pictures.picture(shade) for shade in shades] for name, shades in (("a", SHADES), ("b", _CHANGED))}
    pq.write_table(pa.table(columns), tmp_path / "photos.parquet")
    _score(tmp_path / "photos.parquet", tmp_path / "run", content="a")
    with pytest.raises(RunFolderError, match="whose bytes_column differs: expected a, received b"):
        _score(tmp_path / "photos.parquet", tmp_path / "run", content="b")
    assert _probabilities(tmp_path / "run") == _expected(SHADES)


class _Ill(SimpleHTTPRequestHandler):
    """Gives out a folder, but not some of its pictures as long as it is ill."""

    ill: Collection[str] = ()

    def do_GET(self) -> None:
        if self.path[1:] in self.ill:
            self.send_error(503)
        elif self.path == "/gone.png":
            self.send_error(410)
        else:
            super().do_GET()

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the pictures, which are answered for without patience."""
    monkeypatch.setattr(web, "_FIRST_WAIT_S", 0.001)
    web._session.cache_clear()
    handler = partial(_Ill, directory=str(pictures.folder(tmp_path, SHADES)))
    with serving(handler) as address:
        yield address
    web._session().close()
    web._session.cache_clear()


@pytest.fixture
def table(server: str, tmp_path: Path) -> Path:
    """A table of the pictures' addresses, the last of which names a file that is gone for good."""
    names = sorted((photo.name for photo in (tmp_path / "photos").iterdir()), key=natural_key)
    urls = [f"{server}/{name}" for name in [*names[:-1], "gone.png"]]
    pq.write_table(pa.table({"path": urls}), tmp_path / "table.parquet")
    return tmp_path / "table.parquet"


def test_photos_that_could_not_be_read_are_tried_again_when_all_else_is_done(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr(_Ill, "ill", ["7.bmp"])
    assert _score(table, run, num_shards=2) == (0, [0, 1, 2])
    assert _score(table, run) == (0, [2])  # what is missing comes first
    assert _num_done(table, run) == 11
    assert _score(table, run) == (0, [1])
    monkeypatch.setattr(_Ill, "ill", [])
    assert _score(table, run) == (0, [1])
    assert _score(table, run) == (0, [])  # nobody asks again for what is gone for good
    assert _num_done(table, run) == 12
    assert _reasons(run) == [None] * 11 + ["cannot read: the server answers HTTP 410"]
    read = read_predictions(RunFolder(run).predictions).slice(0, 11)
    assert [dog for _, dog in read["probabilities"].to_pylist()] == _expected(SHADES[:11])
    assert run_status(RunFolder(run), verify=True).is_complete


def test_rows_that_are_there_stay_when_less_can_be_read_than_before(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr(_Ill, "ill", ["7.bmp", "9.bmp"])
    _score(table, run)
    before = _contents(run)
    monkeypatch.setattr(_Ill, "ill", [f"{number}.bmp" for number in range(1, 13)])
    assert _score(table, run) == (0, [1])
    assert _contents(run) == before
    monkeypatch.setattr(_Ill, "ill", ["6.bmp", "7.bmp", "8.bmp"])
    assert _score(table, run) == (0, [1])
    assert [number for number, reason in enumerate(_reasons(run), 1) if reason] == [7, 12]
    assert run_status(RunFolder(run), verify=True).unread == {1: 1}


@pytest.mark.parametrize("has_published", [False, True])
def test_whoever_is_killed_while_it_tries_photos_again_leaves_a_whole_run(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_published: bool
) -> None:
    run = tmp_path / "run"
    monkeypatch.setattr(_Ill, "ill", ["7.bmp", "9.bmp"])
    _score(table, run)
    monkeypatch.setattr(_Ill, "ill", ["9.bmp"])

    def killed(*arguments: Any) -> None:
        if has_published:
            replace_shard(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("scoring.shards.retry.replace_shard", killed)
        _score(table, run)
    assert run_status(RunFolder(run), verify=True).is_complete
    assert _score(table, run) == (0, [1])
    assert run_status(RunFolder(run), verify=True).unread == {1: 1}


def test_photos_of_a_bucket_that_was_out_of_reach_are_read_when_it_answers_again(
    photos: Path, bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bucket / "7.bmp").upload(photos / "7.bmp")
    paths = [str(bucket / "7.bmp") if number == 7 else str(photos / f"{number}.bmp") for number in range(1, 13)]
    table = tmp_path / "table.parquet"
    pq.write_table(pa.table({"path": paths}), table)
    with monkeypatch.context() as patch:
        patch.setattr(Url, "read_limited", _no_connection)
        assert _score(table, tmp_path / "run") == (0, [0, 1, 2])
    assert _score(table, tmp_path / "run") == (0, [2])
    assert _score(table, tmp_path / "run") == (0, [])
    assert _reasons(tmp_path / "run") == [None] * 12


def test_photos_of_a_table_that_were_not_there_are_read_when_they_have_arrived(photos: Path, tmp_path: Path) -> None:
    table, late = tmp_path / "table.parquet", photos / "7.bmp"
    pq.write_table(pa.table({"path": [f"photos/{number}.bmp" for number in range(1, 13)]}), table)
    late.rename(tmp_path / "late.bmp")
    assert _score(table, tmp_path / "run") == (0, [0, 1, 2])
    assert _score(table, tmp_path / "run") == (0, [1])
    assert _reasons(tmp_path / "run")[6] == "temporary: cannot read: No such file or directory"
    (tmp_path / "late.bmp").rename(late)
    assert _score(table, tmp_path / "run") == (0, [1])
    assert _score(table, tmp_path / "run") == (0, [])
    assert _reasons(tmp_path / "run") == [None] * 12


def _no_connection(url: Url, limit_bytes: int) -> bytes:
    raise UnreachableError(None, "no connection", str(url))


def _reasons(output: Path) -> list[str | None]:
    reasons: list[str | None] = read_predictions(RunFolder(output).predictions)["error_message"].to_pylist()
    return reasons


def _change(collection: Pictures) -> Callable[[], object]:
    return lambda: collection.write(_CHANGED)


@pytest.mark.parametrize("collection", [(pictures.folder_of_links, "disk"), (pictures.folder, "bucket")], indirect=True)
def test_a_photo_that_was_another_one_only_while_it_was_read_is_scored_again(
    collection: Pictures, tmp_path: Path
) -> None:
    """A release that is rolled back: lists before and after it are alike."""
    images, folder = collection.write(), RunFolder(tmp_path / "run")
    assert _score(images, tmp_path / "run", meanwhile=_change(collection)) == (0, [0, 1, 2])
    assert _probabilities(tmp_path / "run") == _expected(_CHANGED)
    for verify in (False, True):
        found = run_status(folder, verify)
        assert (found.done, found.damaged) == ([0, 2], {1: "has images that changed between listing and reading"})
    with pytest.raises(IncompleteError, match=r"^Shard 1 of .* has images that changed between listing and reading\."):
        RunReader(folder).read()
    of_others = _told_contents(folder)
    collection.write()
    assert _score(images, tmp_path / "run") == (0, [1])
    assert _probabilities(tmp_path / "run") == _expected(SHADES)
    assert _score(images, tmp_path / "run") == (0, [])
    assert run_status(folder, verify=True).is_complete
    assert _told_contents(folder) != of_others


def _told_contents(folder: RunFolder) -> list[bytes]:
    """What the shards say of the contents of their images."""
    return [pq.read_schema(shard).metadata[INPUTS_KEY] for shard in shard_files(folder.predictions)]


@pytest.mark.parametrize("collection", [(pictures.folder, "disk"), (pictures.folder, "bucket")], indirect=True)
def test_an_answer_of_another_size_is_no_error_for_good(collection: Pictures, tmp_path: Path) -> None:
    """A busy proxy answers with its own page. A photo that was tried again may be another one then, too."""
    images = collection.write()
    seventh = images / "7.bmp"

    def answer(content: bytes) -> None:
        if isinstance(seventh, Path):
            seventh.replace(tmp_path / "kept")
        seventh.write_bytes(content)

    def restore() -> None:
        if isinstance(seventh, Path):
            (tmp_path / "kept").replace(seventh)
        else:
            seventh.write_bytes(pictures.picture(SHADES[6]))

    assert _score(images, tmp_path / "run", meanwhile=lambda: answer(b"<html>busy</html>")) == (0, [0, 1, 2])
    restore()
    reasons = _reasons(tmp_path / "run")
    assert str(reasons.pop(6)).startswith("temporary: changed since it was listed: not an image")
    assert reasons == [None] * 11
    assert _score(images, tmp_path / "run", meanwhile=lambda: answer(pictures.picture(5))) == (0, [1])
    restore()
    assert _probabilities(tmp_path / "run") == _expected(_CHANGED)
    assert _score(images, tmp_path / "run") == (0, [1])
    assert _probabilities(tmp_path / "run") == _expected(SHADES)
    assert _score(images, tmp_path / "run") == (0, [])


def test_equal_copies_of_another_machine_are_the_photos_that_were_listed(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were written at other times there; other sizes tell all the same."""
    monkeypatch.setattr("scoring.shards.batch_decoders.own_mounts", lambda: "elsewhere")
    copies = tmp_path / "copies"
    shutil.copytree(photos, copies)

    def change_disks() -> None:
        photos.rename(tmp_path / "drivers")
        copies.rename(photos)

    def change_back() -> None:
        photos.rename(copies)
        (tmp_path / "drivers").rename(photos)

    assert _score(photos, tmp_path / "run", meanwhile=change_disks) == (0, [0, 1, 2])
    change_back()
    assert _score(photos, tmp_path / "run") == (0, [])
    Image.new("RGB", (80, 60), (5, 5, 5)).save(copies / "7.bmp")
    assert _score(photos, tmp_path / "other", meanwhile=change_disks) == (0, [0, 1, 2])
    change_back()
    assert _score(photos, tmp_path / "other") == (0, [1])


def test_a_store_whose_lists_spell_tags_in_another_way_is_believed(
    bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spelled = "scoring.storage.listed_folder.object_stamp"
    monkeypatch.setattr(spelled, lambda meta: stamp_of(meta["size"], f"another spelling of {meta['e_tag']}"))
    images = pictures.folder(bucket, SHADES)
    assert _score(images, tmp_path / "run") == (0, [0, 1, 2])
    assert _score(images, tmp_path / "run") == (0, [])


def _num_done(images: Path, output: Path) -> int:
    """Images that a dry run calls done."""
    request = ImagesRequest(images, _MODEL, batch_size=4, shard_size=5)
    return look_at_earlier_run(request, RunFolder(output), find_images(images).images, 5).num_done
