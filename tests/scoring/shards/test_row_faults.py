import errno
import shutil
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import S3Store

from scoring.arrays import UInt8Array
from scoring.errors import (
    BucketError,
    ChangedError,
    ImageError,
    LeaseLostError,
    PluginError,
    StorageError,
    UnreachableError,
)
from scoring.pixels.decoding import Resize, decode
from scoring.pixels.input_shape import DEFAULT_SHAPE, InputShape
from scoring.run.folder import RunFolder
from scoring.run.manifest import write_manifest
from scoring.shards.batch_decoders import BatchDecoders
from scoring.shards.retry import Retry
from scoring.shards.row_faults import may_pass, row_fault
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings
from scoring.sources import row_reader
from scoring.sources.encoded_images import read_image
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import find_images, open_images
from scoring.sources.row_reader import refuse_absent_common
from scoring.sources.table_columns import NO_COLUMNS, TableColumns
from scoring.sources.timed_reader import TimedReader
from scoring.storage import bucket_clients, reach
from scoring.storage.bucket_clients import open_bucket
from scoring.storage.locations import Location, Url
from scoring.storage.read_deadline import ReadTimeoutError
from scoring.storage.web import WebUrl
from tests.buckets import remove_bucket
from tests.fakes import FAKE_MODEL, load_fake
from tests.runs import read_predictions

_PanicException = type("PanicException", (BaseException,), {})


def _errors(decoders: BatchDecoders, images: list[ImageEntry]) -> dict[str, str | None]:
    """By path why there are no pixels; those of an image without are black."""
    errors: dict[str, str | None] = {}
    decoders.open(DEFAULT_SHAPE, 4, 1)
    with decoders.ahead(images) as batches:
        for batch in batches:
            errors |= {image.path: error for image, error in zip(batch.images, batch.errors, strict=True)}
            is_black = np.logical_not(batch.pixels.any(axis=(1, 2, 3)))
            assert list(is_black[: len(batch.errors)]) == [error is not None for error in batch.errors]
            assert is_black[len(batch.errors) :].all()
            batches.give_back(batch)
    decoders.close()
    return errors


def _decoded(photos: Path, fault: BaseException, in_decoder: bool) -> dict[str, str | None]:
    """All photos' errors; the third raises `fault` when it is read or decoded."""
    images = list(find_images(photos).images)
    sound, third = open_images(photos), (photos / "3.png").read_bytes()

    def read(image: ImageEntry) -> bytes:
        if image.path == "3.png" and not in_decoder:
            raise fault
        return sound(image)

    def decode_or_raise(encoded: bytes, resize: Resize, shape: InputShape = DEFAULT_SHAPE) -> UInt8Array:
        if encoded == third:
            raise fault
        return decode(encoded, resize, shape)

    decoders = BatchDecoders(ScorerSettings(photos, photos, FAKE_MODEL, Resize.SQUASH, 4, 2), decode_or_raise)
    decoders.read = TimedReader(read, None, is_local=True)
    return _errors(decoders, images)


@pytest.mark.parametrize("in_decoder", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        ValueError("embedded null byte\nand a second line"),
        RecursionError(),
        KeyError("x"),
        OSError(errno.EIO, "Input/output error"),
        BucketError(errno.EREMOTEIO, "500 Internal Server Error", "s3://bucket/3.png"),
        BucketError(errno.EACCES, "access denied: AccessDenied", "s3://bucket/3.png"),
        RuntimeError("a decoder's own"),
        _PanicException("called `Option::unwrap()`"),
    ],
    ids=repr,
)
def test_whatever_one_image_raises_costs_its_own_row(photos: Path, fault: BaseException, in_decoder: bool) -> None:
    errors = _decoded(photos, fault, in_decoder)
    assert len(errors) == 12
    ((path, message),) = [(path, error) for path, error in errors.items() if error is not None]
    assert path == "3.png"
    says_temporary = "" if in_decoder or not _passes(fault) else "temporary: "
    assert message.startswith(f"{says_temporary}cannot read or decode: {type(fault).__name__}: ")
    assert may_pass(message) == bool(says_temporary)
    assert "\n" not in message


def _passes(fault: BaseException) -> bool:
    return isinstance(fault, OSError) and fault.errno in (errno.EIO, errno.EACCES, errno.EREMOTEIO)


def _image_error_of(cause: Exception) -> ImageError:
    error = ImageError("cannot read")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("cause", "passes"),
    [
        (OSError(errno.EIO, "Input/output error"), True),
        (ReadTimeoutError("reading took longer than 60 s"), True),
        (BucketError(errno.EACCES, "access denied: AccessDenied", "s3://bucket/3.png"), True),
        (PermissionError(errno.EACCES, "Permission denied"), True),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), True),
        (OSError(errno.ENODEV, "No such device"), True),
        (OSError(errno.EKEYEXPIRED, "Key has expired"), True),
        (OSError(errno.ECOMM, "Communication error on send"), True),
        (OSError(errno.ECONNREFUSED, "Connection refused"), True),
        (OSError(errno.EUCLEAN, "Structure needs cleaning"), True),
        (OSError(errno.EINVAL, "not a regular file"), False),
        (OSError(errno.EISDIR, "Is a directory"), False),
        (OSError(errno.ENAMETOOLONG, "File name too long"), False),
        (OSError("cannot read from zip: File is not a zip file"), False),
        (BucketError(None, "the server answers HTTP 410", "https://host/3.png"), False),
    ],
    ids=repr,
)
def test_a_row_says_whether_its_image_may_be_readable_at_another_time(cause: Exception, passes: bool) -> None:
    assert may_pass(row_fault(_image_error_of(cause), in_reading=True)) == passes


@pytest.mark.parametrize("in_decoder", [False, True])
@pytest.mark.parametrize(
    "fault",
    [
        MemoryError(),
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EMFILE, "Too many open files"),
        OSError(errno.ENOTCONN, "Transport endpoint is not connected"),
        OSError(errno.ESTALE, "Stale file handle"),
        RuntimeError("can't start new thread"),
        UnreachableError(errno.EACCES, "access denied: ExpiredToken", "s3://bucket/3.png"),
        _image_error_of(UnreachableError(None, "no connection", "s3://bucket/3.png")),
        _image_error_of(_image_error_of(OSError(errno.ENOTCONN, "Transport endpoint is not connected"))),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        _image_error_of(OSError(errno.ENOSPC, "No space left on device")),
        LeaseLostError("Stopped: another driver took over"),
        StorageError("Cannot write x"),
        KeyboardInterrupt(),
    ],
    ids=repr,
)
def test_what_no_image_could_outlive_is_no_row(photos: Path, fault: BaseException, in_decoder: bool) -> None:
    with pytest.raises(UnreachableError if isinstance(fault.__cause__, UnreachableError) else type(fault)):
        _decoded(photos, fault, in_decoder)


def test_a_fault_of_the_machine_names_the_photo_that_met_it(photos: Path) -> None:
    """Where it is said of one file again and again, nothing else tells which."""
    fault = _image_error_of(OSError(errno.ESTALE, "Stale file handle"))
    with pytest.raises(ImageError, match=r"^'3\.png': cannot read$"):
        _decoded(photos, fault, in_decoder=False)
    with zipfile.ZipFile(photos.with_suffix(".zip"), "w") as archive:  # the worker reads for its decode processes
        archive.write(photos / "3.png", "3.png")
    settings = ScorerSettings(photos.with_suffix(".zip"), photos, FAKE_MODEL, Resize.SQUASH, 4, 2, decode_processes=1)
    decoders = BatchDecoders(settings, decode)

    def read(image: ImageEntry) -> NoReturn:
        raise fault

    assert decoders._processes
    decoders._processes._read = TimedReader(read, None, is_local=True)
    with pytest.raises(ImageError, match=r"^'3\.png': cannot read$"):
        _errors(decoders, list(find_images(settings.images).images))
    decoders.close()


@pytest.mark.parametrize("kind", ["x.tar", "x.zip", "x.parquet", "x.tar in a bucket"])
def test_an_archive_or_table_that_is_another_on_this_machine_costs_the_shard_and_no_rows(
    photos: Path, bucket: Url, tmp_path: Path, kind: str
) -> None:
    """As where a node has a copy of its own: the rows would be errors for good."""
    name, _, is_remote = kind.partition(" ")
    place, columns = (bucket if is_remote else tmp_path) / name, TableColumns(content="image")
    columns = columns if name == "x.parquet" else NO_COLUMNS

    def put(picture: str) -> None:
        content = (photos / picture).read_bytes()
        if name == "x.zip":
            with zipfile.ZipFile(tmp_path / name, "w") as archive:
                archive.writestr("1.png", content)
        elif name == "x.tar":
            with tarfile.open(tmp_path / name, "w") as tar:
                tar.add(photos / picture, "1.png")
        else:
            pq.write_table(pa.table({"image": [content]}), tmp_path / name)
        if isinstance(place, Url):
            place.upload(tmp_path / name)

    put("1.png")
    folder = RunFolder(tmp_path / "run")
    folder.predictions.mkdir(parents=True)
    write_manifest(folder.manifest, find_images(place, columns).images, 1, 0)
    put("2.png")
    scorer = ShardScorer(ScorerSettings(place, folder.path, FAKE_MODEL, Resize.SQUASH, 4, 2, columns), load_fake)
    with pytest.raises(
        ChangedError, match=f"^{place} is not the file that was listed. If it was replaced, run again; "
    ):
        scorer(0)
    assert not list(folder.predictions.iterdir())


@pytest.mark.parametrize(
    "kind",
    [
        *("folder", "emptied folder", "tars", "x.tar", "x.zip", "images.parquet", "paths.parquet"),
        *("elsewhere.parquet", "emptied elsewhere.parquet", "files elsewhere.parquet"),
    ],
)
def test_a_place_that_is_gone_costs_shards_and_no_rows_until_it_is_back(
    photos: Path, tmp_path: Path, kind: str
) -> None:
    """As a share that drops: the rows would be errors for good."""
    share, columns = tmp_path / "share", TableColumns(content="image") if kind == "images.parquet" else NO_COLUMNS
    share.mkdir()
    place = share if kind in ("folder", "emptied folder", "tars") else share / kind
    place = tmp_path / kind if kind.endswith("elsewhere.parquet") else place
    names = [f"{number}.png" for number in range(1, 13)]
    if kind == "x.zip":
        with zipfile.ZipFile(place, "w") as archive:
            for name in names:
                archive.write(photos / name, name)
    elif kind in ("x.tar", "tars"):
        for at, name in enumerate(names):
            with tarfile.open(share / ("x.tar" if kind == "x.tar" else f"{at // 4}.tar"), "a") as tar:
                tar.add(photos / name, name)
    elif kind == "images.parquet":
        pq.write_table(pa.table({"image": [(photos / name).read_bytes() for name in names]}), place, row_group_size=4)
    else:
        shutil.copytree(photos, share, dirs_exist_ok=True)
        if kind.endswith("elsewhere.parquet"):  # the table, not the images, which it names by absolute paths
            names = [(share / name).as_uri() if kind.startswith("files") else f"{share}/{name}" for name in names]
        if place.suffix == ".parquet":
            pq.write_table(pa.table({"path": names}), place)
    folder = RunFolder(tmp_path / "run")
    folder.predictions.mkdir(parents=True)
    write_manifest(folder.manifest, find_images(place, columns).images, 4, 0)
    scorer = ShardScorer(ScorerSettings(place, folder.path, FAKE_MODEL, Resize.SQUASH, 4, 2, columns), load_fake)
    scorer(0)
    share.rename(tmp_path / "away")
    if kind.startswith("emptied"):
        share.mkdir()
    with pytest.raises(UnreachableError, match=rf"^{share}.*: out of reach since its images were listed: .*, and run "):
        scorer(1)
    (tmp_path / "away").replace(share)
    scorer(1)
    scorer(2)
    assert read_predictions(folder.predictions)["error_message"].to_pylist() == [None] * 12


@pytest.mark.parametrize("kind", ["prefix", "folder of all below it", "table", "bucket", "bucket of a table"])
def test_a_prefix_that_is_emptied_or_a_bucket_that_is_removed_costs_shards_and_no_rows(
    photos: Path, bucket: Url, tmp_path: Path, kind: str
) -> None:
    """As where the other end cleans up too early: a run would end well, with errors alone."""
    names = [f"{number}.png" for number in range(1, 13)]
    disk = bucket / "photos" / "disk"
    if "folder" in kind:
        (bucket / "photos" / "notes.txt").write_bytes(b"notes")
    if kind == "prefix":
        (bucket / "photos-of-others" / "1.png").write_bytes(b"photo")
    for name in names:
        (disk / name).upload(photos / name)
    place: Location = bucket / "photos"
    if "table" in kind:
        place = tmp_path / "table.parquet"
        pq.write_table(pa.table({"path": [str(disk / name) for name in names]}), place)
    folder = RunFolder(tmp_path / "run")
    folder.predictions.mkdir(parents=True)
    write_manifest(folder.manifest, find_images(place).images, 6, 0)
    scorer = ShardScorer(ScorerSettings(place, folder.path, FAKE_MODEL, Resize.SQUASH, 4, 2), load_fake)
    scorer(0)
    for name in names:
        (disk / name).unlink()
    if "bucket" in kind:
        remove_bucket(bucket)
    with pytest.raises(UnreachableError, match=r"out of reach|NoSuchBucket"):
        scorer(1)
    if "bucket" in kind:
        return
    for name in names:
        (disk / name).upload(photos / name)
    scorer(1)
    assert read_predictions(folder.predictions)["error_message"].to_pylist() == [None] * 12


def test_objects_that_are_not_there_cost_their_own_rows_and_one_list(
    photos: Path, bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{number}.png" for number in range(1, 13)]
    for name in names:
        (bucket / "photos" / name).upload(photos / name)
    folder = RunFolder(tmp_path / "run")
    folder.predictions.mkdir(parents=True)
    write_manifest(folder.manifest, find_images(bucket / "photos").images, 12, 0)
    for name in names[1:]:
        (bucket / "photos" / name).unlink()
    asked, is_dir = list[Url](), Url.is_dir

    def ask(url: Url) -> bool:
        asked.append(url)
        return is_dir(url)

    monkeypatch.setattr(Url, "is_dir", ask)
    settings = ScorerSettings(bucket / "photos", folder.path, FAKE_MODEL, Resize.SQUASH, 4, 1)
    ShardScorer(settings, load_fake)(0)
    reasons = read_predictions(folder.predictions)["error_message"].to_pylist()
    assert sorted(map(str, reasons)) == ["None", *["temporary: cannot read: no such object or bucket"] * 11]
    assert asked.count(bucket / "photos") <= 3


def test_a_prefix_whose_lists_and_objects_are_refused_since_it_was_listed_is_out_of_reach(
    photos: Path, bucket: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a key's rights are taken away."""

    def refuse(url: Url, *_: object) -> NoReturn:
        raise BucketError(errno.EACCES, "access denied: AccessDenied", str(url))

    (bucket / "photos" / "1.png").upload(photos / "1.png")
    (image,) = find_images(bucket / "photos").images
    read = open_images(bucket / "photos")
    monkeypatch.setattr(Url, "read_seen", refuse)
    with pytest.raises(ImageError, match="AccessDenied"):
        read(image)
    monkeypatch.setattr(reach, "_held", {})
    monkeypatch.setattr(Url, "is_dir", refuse)
    with pytest.raises(
        UnreachableError, match=rf"^{bucket}/photos: out of reach since .*: access denied: AccessDenied"
    ):
        read(image)


def test_a_table_of_a_bucket_that_gives_no_list_has_rows_for_objects_that_are_not_there(
    photos: Path, bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(url: Url) -> bool:
        raise BucketError(errno.EACCES, "access denied: AccessDenied", str(url))

    monkeypatch.setattr(Url, "is_dir", refuse)
    (bucket / "photos" / "1.png").upload(photos / "1.png")
    paths = [str(bucket / "photos" / name) for name in ("1.png", "2.png")]
    reasons = _score(tmp_path / "table.parquet", paths, tmp_path / "run")
    assert reasons == [None, "temporary: cannot read: no such object or bucket"]


@pytest.mark.parametrize("kind", ["folder", "relative.parquet", "emptied relative.parquet"])
def test_a_folder_of_all_images_below_their_place_may_be_gone_as_well(photos: Path, tmp_path: Path, kind: str) -> None:
    """As a disk that is mounted below a folder with other files."""
    root = tmp_path / "root"
    root.mkdir()
    (root / "notes.txt").touch()
    shutil.copytree(photos, root / "disk")
    place = root if kind == "folder" else root / kind
    if kind != "folder":
        pq.write_table(pa.table({"path": [f"disk/{number}.png" for number in range(1, 13)]}), place)
    folder = RunFolder(tmp_path / "run")
    folder.predictions.mkdir(parents=True)
    write_manifest(folder.manifest, find_images(place).images, 12, 0)
    scorer = ShardScorer(ScorerSettings(place, folder.path, FAKE_MODEL, Resize.SQUASH, 4, 2), load_fake)
    (root / "disk").rename(tmp_path / "away")
    if kind.startswith("emptied"):
        (root / "disk").mkdir()
    with pytest.raises(UnreachableError, match=rf"^{root}/disk: out of reach since its images were listed"):
        scorer(0)
    (tmp_path / "away").replace(root / "disk")
    scorer(0)
    assert read_predictions(folder.predictions)["error_message"].to_pylist() == [None] * 12


@pytest.mark.parametrize("common", ["s3a:/", "gcs:/", "s3a://alpha", "file:", "file:/", "file://", "file://localhost"])
def test_what_paths_of_several_buckets_or_roots_begin_with_is_no_folder(tmp_path: Path, common: str) -> None:
    refuse_absent_common(tmp_path, common, is_listed=False)


def test_a_folder_of_some_images_that_is_gone_costs_their_rows(photos: Path, tmp_path: Path) -> None:
    paths = [str(photos / "1.png"), f"{tmp_path}/gone/2.png", f"{tmp_path}/gone/3.png"]
    reasons = _score(tmp_path / "elsewhere.parquet", paths, tmp_path / "run")
    assert [may_pass(reason) for reason in reasons] == [False, True, True]


def test_a_picture_whose_plugin_is_not_installed_may_be_readable_at_another_time() -> None:
    assert may_pass(row_fault(PluginError("HEIC, which needs pip install 'shardscore[formats]'")))
    assert not may_pass(row_fault(ImageError("SVG, which is not decoded")))


def test_a_photo_that_is_not_there_costs_its_own_row(photos: Path, tmp_path: Path) -> None:
    reasons = _score(
        tmp_path / "t.parquet", ["photos/1.png", "photos/gone.png", str(photos / "3.png")], tmp_path / "run"
    )
    assert reasons == [None, "temporary: cannot read: No such file or directory", None]


def test_a_table_whose_path_holds_a_nul_has_an_error_row_for_it(photos: Path, tmp_path: Path) -> None:
    paths = [str(photos / "1.png"), f"{photos}/2\0.png", "4\0.png"]
    pq.write_table(pa.table({"path": paths}), tmp_path / "table.parquet")
    images = list(find_images(tmp_path / "table.parquet").images)
    settings = ScorerSettings(tmp_path / "table.parquet", tmp_path, FAKE_MODEL, Resize.SQUASH, 8, 2)
    rows = _errors(BatchDecoders(settings, decode), images)
    assert set(rows) == set(paths)
    assert rows.pop(paths[0]) is None
    assert all(message and "\n" not in message for message in rows.values()), rows


def _score(table: Path, paths: Sequence[str], output: Path) -> list[str | None]:
    """Score a table's images as one shard; the error of each."""
    pq.write_table(pa.table({"path": paths, "id": [str(number) for number in range(len(paths))]}), table)
    columns, folder = TableColumns(image_id="id"), RunFolder(output)
    folder.predictions.mkdir(parents=True)
    write_manifest(folder.manifest, find_images(table, columns).images, len(paths), 0)
    ShardScorer(ScorerSettings(table, output, FAKE_MODEL, Resize.SQUASH, 4, 2, columns), load_fake)(0)
    reasons: list[str | None] = read_predictions(folder.predictions)["error_message"].to_pylist()
    return reasons


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket without connection, beside others."""
    options: Any = {"access_key_id": "id", "secret_access_key": "secret", "retry_config": {"max_retries": 0}}
    dead = S3Store("gone", endpoint="http://127.0.0.1:9", client_options={"allow_http": True}, **options)
    opened = lambda scheme, name: dead if name == "gone" else open_bucket(scheme, name)  # noqa: E731
    monkeypatch.setattr(bucket_clients, "open_bucket", opened)
    return "s3://gone"


def test_a_bucket_that_is_out_of_reach_costs_its_own_rows_of_a_table(
    photos: Path, bucket: Url, gone: str, tmp_path: Path
) -> None:
    (bucket / "2.png").upload(photos / "2.png")
    paths = [f"{gone}/1.png", str(bucket / "2.png"), str(photos / "3.png"), f"{gone}/4.png"]
    reasons = _score(tmp_path / "table.parquet", paths, tmp_path / "run")
    assert [reason is None for reason in reasons] == [False, True, True, False]
    for reason in (reasons[0], reasons[3]):
        assert reason
        assert reason.startswith("temporary: out of reach: s3://gone: Generic S3 error: Error performing GET")
        assert may_pass(reason)


def test_where_all_buckets_are_out_of_reach_that_is_no_fault_of_rows(photos: Path, gone: str, tmp_path: Path) -> None:
    (photos / "2.png").write_text("<html>")
    paths = [f"{gone}/1.png", str(photos / "2.png")]
    with pytest.raises(UnreachableError, match=r"^s3://gone/1\.png: out of reach: s3://gone: Generic S3 error"):
        _score(tmp_path / "table.parquet", paths, tmp_path / "run")
    assert not list((tmp_path / "run" / "predictions").iterdir())


def test_a_bucket_that_ceases_to_answer_is_no_fault_of_its_rows(
    photos: Path, bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with credentials that expire: the shard is missing, and the command says so."""
    names = ["1.png", "2.png", "3.png"]
    for name in names:
        (bucket / name).upload(photos / name)

    def expire(location: Location | WebUrl) -> bytes:
        if isinstance(location, Url) and location.name == "3.png":
            raise _image_error_of(UnreachableError(errno.EACCES, "access denied: ExpiredToken", str(location)))
        return read_image(location)

    monkeypatch.setattr(row_reader, "read_image", expire)
    paths = [*(str(bucket / name) for name in names), str(photos / "4.png")]
    with pytest.raises(UnreachableError, match=r"/3\.png: out of reach: .*: access denied: ExpiredToken"):
        _score(tmp_path / "table.parquet", paths, tmp_path / "run")


def test_a_retry_reports_the_rows_that_it_filled_in_alone(photos: Path, tmp_path: Path) -> None:
    names = ["1.png", "2.png", "gone.png"]
    table, folder = photos / "table.parquet", RunFolder(tmp_path / "run")
    pq.write_table(pa.table({"path": names}), table)
    folder.predictions.mkdir(parents=True)
    write_manifest(folder.manifest, find_images(table).images, 3, 0)
    (photos / "2.png").rename(tmp_path / "2.png")
    scorer = ShardScorer(ScorerSettings(table, folder.path, FAKE_MODEL, Resize.SQUASH, 4, 2), load_fake)
    first = scorer(0)
    again = scorer(Retry(0, first.digest))
    assert (again.num_images, again.digest) == (0, first.digest)
    (tmp_path / "2.png").rename(photos / "2.png")
    found = scorer(Retry(0, first.digest))
    assert (found.num_images, found.num_errors) == (1, 0)
    assert found.digest != first.digest
