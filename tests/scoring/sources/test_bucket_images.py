import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from scoring.errors import BucketError, ImageError, ImagesError
from scoring.pixels.decoding import Resize
from scoring.run.folder import RunFolder
from scoring.run.holding import hold_folder, remove_earlier_run
from scoring.run.manifest import write_manifest
from scoring.run.verification import run_status
from scoring.shards.scorer import ShardScorer
from scoring.shards.settings import ScorerSettings, fingerprint_of
from scoring.sources import encoded_images
from scoring.sources.entries import ImageEntry
from scoring.sources.inputs import find_images, open_images
from scoring.storage import listed_pages
from scoring.storage.locations import Location, Url
from scoring.storage.urls import Version
from tests.buckets import put_marker, put_object
from tests.fakes import FAKE_MODEL, load_fake
from tests.object_server import serving_objects
from tests.runs import bare_record, read_predictions, save_record

_LAYOUTS = (("photos/1.jpg", "photos/2.jpg"), ("1.jpg", "2.jpg"), ("a/1.jpg", "b/2.jpg"))


def _upload(folder: Path, to: Url) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            (to / str(path.relative_to(folder))).upload(path)


def _zipped(*names: str, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as writer:
        for name in names:
            writer.writestr(name, name * 50)
    return content.getvalue()


def test_prefix_lists_as_the_folder_does(bucket: Url, photos: Path) -> None:
    (photos / "notes.txt").write_text("no image")
    _upload(photos, bucket / "train" / "deep")
    listing = find_images(bucket / "train")
    assert [image.image_id for image in listing.images] == [str(number) for number in range(1, 13)]
    assert [image.size_bytes for image in listing.images] == [image.size_bytes for image in find_images(photos).images]
    assert listing.num_left_out == 1
    read = open_images(bucket / "train")
    assert read(listing.images[1]) == (photos / "2.png").read_bytes()


def test_object_that_vanished_is_an_image_error(bucket: Url) -> None:
    (bucket / "2.jpg").write_bytes(b"another")
    with pytest.raises(ImageError, match="cannot read: no such object"):
        open_images(bucket)(ImageEntry("1", "1.jpg", 10))


def test_object_above_the_limit_is_an_image_error(bucket: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    (bucket / "1.jpg").write_bytes(bytes(2 * 1024**2))
    monkeypatch.setattr(encoded_images, "MAX_IMAGE_BYTES", 1024**2)
    with pytest.raises(ImageError, match="larger than 1 MiB"):
        open_images(bucket)(ImageEntry("1", "1.jpg", 10))


def test_prefix_without_objects_and_a_missing_bucket_are_refused(bucket: Url) -> None:
    with pytest.raises(ImagesError, match="does not exist"):
        find_images(bucket / "nowhere")
    with pytest.raises(BucketError, match="NoSuchBucket"):
        find_images(Url("s3", "no-such-bucket", "train"))


@pytest.mark.parametrize("listed_at_once", [2, 1000])
def test_keys_that_begin_with_a_slash_are_refused_and_a_prefix_lists_its_own(
    bucket: Url, monkeypatch: pytest.MonkeyPatch, listed_at_once: int
) -> None:
    monkeypatch.setattr(listed_pages, "LISTED_AT_ONCE", listed_at_once)
    for key in ("photos/1.jpg", "photos/2.jpg", "/photos/1.jpg", "/photos/3.jpg"):
        put_object(bucket, key, b"photo")
    said = "Expected keys without empty parts.* begins? with a slash.* Name a prefix, or rename"
    with pytest.raises((BucketError, ImagesError), match=said) as raised:
        find_images(bucket)
    assert f"{bucket}" in str(raised.value)
    assert " /photos/" in str(raised.value)
    assert [image.path for image in find_images(bucket / "photos").images] == ["1.jpg", "2.jpg"]


@pytest.mark.parametrize("listed_at_once", [3, 1000])
@pytest.mark.parametrize("photos", _LAYOUTS)
def test_a_file_that_is_no_image_and_begins_with_a_slash_is_left_out(
    bucket: Url, monkeypatch: pytest.MonkeyPatch, listed_at_once: int, photos: tuple[str, str]
) -> None:
    monkeypatch.setattr(listed_pages, "LISTED_AT_ONCE", listed_at_once)
    for key in photos:
        put_object(bucket, key, b"photo")
    put_object(bucket, "/notes.txt", b"two photos")
    listing = find_images(bucket)
    assert [image.path for image in listing.images] == list(photos)
    (left_out,) = listing.left_out
    assert (left_out.reason, left_out.count) == ("not an image", 1)
    assert left_out.names in ("'/notes.txt'", "'notes.txt'")


@pytest.mark.parametrize("key", ["/1.jpg", "/scan", "/photos.tar", "/photos.parquet"])
def test_what_begins_with_a_slash_and_may_be_or_hold_images_is_refused_by_name(bucket: Url, key: str) -> None:
    for other in ("1.jpg", "notes.txt", key):
        put_object(bucket, other, b"photo")
    put_object(bucket, "/notes.txt", b"other notes")
    with pytest.raises(ImagesError, match=f"; that of {key} begins with a slash and cannot be read"):
        find_images(bucket)


def test_a_part_of_a_table_that_begins_with_a_slash_is_refused(bucket: Url) -> None:
    for key in ("1.parquet", "/2.parquet"):
        put_object(bucket, key, b"rows")
    with pytest.raises(ImagesError, match=r"/2\.parquet cannot \(key that begins with a slash\)"):
        find_images(bucket)


@pytest.mark.parametrize("listed_at_once", [2, 3, 1000])
@pytest.mark.parametrize("photos", _LAYOUTS)
def test_empty_objects_whose_keys_begin_with_a_slash_are_no_hindrance(
    bucket: Url, monkeypatch: pytest.MonkeyPatch, listed_at_once: int, photos: tuple[str, str]
) -> None:
    monkeypatch.setattr(listed_pages, "LISTED_AT_ONCE", listed_at_once)
    for key in photos:
        put_object(bucket, key, b"photo")
    put_marker(bucket, "/")
    assert [image.path for image in find_images(bucket).images] == list(photos)


def test_an_empty_object_beside_a_photo_of_its_name_hides_nothing(bucket: Url) -> None:
    for key in ("1.jpg", "1.jpg-old.jpg", "a/1.jpg"):
        put_object(bucket, key, b"photo")
    before = find_images(bucket)
    for key in ("1.jpg/", "a/1.jpg/", "/1.jpg"):
        put_marker(bucket, key)
    assert (list(find_images(bucket).images), find_images(bucket).left_out) == (list(before.images), before.left_out)


def test_a_photo_beside_one_whose_key_ends_with_a_slash_is_not_left_out(bucket: Url) -> None:
    put_object(bucket, "photos/1.jpg/", b"another photo")
    assert [image.path for image in find_images(bucket).images] == ["photos/1.jpg"]
    put_object(bucket, "photos/1.jpg", b"photo")
    with pytest.raises(
        ImagesError, match=r"^Expected each key once in .*; photos/1\.jpg is listed twice: .* or run again\.$"
    ):
        find_images(bucket)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip_in_a_bucket_reads_as_the_local_one_and_each_member_with_one_request(
    bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: int
) -> None:
    names = [f"test1/{number}.jpg" for number in range(1, 21)]
    (tmp_path / "test1.zip").write_bytes(_zipped(*names, "readme.txt", compression=compression))
    (bucket / "test1.zip").upload(tmp_path / "test1.zip")
    listing = find_images(bucket / "test1.zip")
    assert listing == find_images(tmp_path / "test1.zip")
    read = open_images(bucket / "test1.zip")
    requests: list[int] = []
    read_range = Url.read_range

    def spy(url: Url, start: int, length: int, version: Version | None = None) -> bytes:
        requests.append(length)
        return read_range(url, start, length, version)

    monkeypatch.setattr(Url, "read_range", spy)
    assert [read(image) for image in listing.images] == [image.path.encode() * 50 for image in listing.images]
    assert len(requests) == 20
    assert max(requests) < 1000


def test_damaged_member_of_a_zip_in_a_bucket_is_an_image_error(bucket: Url) -> None:
    content = bytearray(_zipped("1.jpg", "2.jpg", compression=zipfile.ZIP_STORED))
    content[100] ^= 0xFF
    (bucket / "photos.zip").write_bytes(bytes(content))
    read = open_images(bucket / "photos.zip")
    with pytest.raises(ImageError, match="Bad CRC"):
        read(ImageEntry("1", "1.jpg", 10))
    assert read(ImageEntry("2", "2.jpg", 10)) == b"2.jpg" * 50
    with pytest.raises(ImageError, match="no item named"):
        read(ImageEntry("3", "3.jpg", 10))


def test_file_that_is_no_zip_in_a_bucket_is_refused(bucket: Url) -> None:
    (bucket / "photos.zip").write_bytes(b"none")
    with pytest.raises(ImagesError, match="not a zip"):
        find_images(bucket / "photos.zip")
    with pytest.raises(ImagesError, match="does not exist"):
        find_images(bucket / "other.zip")


def _run(images: Location, output: Location) -> tuple[RunFolder, ScorerSettings, ShardScorer]:
    folder = RunFolder(output)
    folder.predictions.mkdir(parents=True)
    manifest = write_manifest(folder.manifest, find_images(images).images, 5, 0)
    settings = ScorerSettings(images, output, FAKE_MODEL, Resize.SQUASH, 4, decode_threads=2)
    scorer = ShardScorer(settings, load_fake)
    fingerprint = fingerprint_of(settings, manifest.digest, scorer.description)
    save_record(folder, bare_record(fingerprint, manifest.num_shards, manifest.num_images))
    return folder, settings, scorer


def test_run_in_a_bucket_scores_as_a_local_one_and_tells_what_is_missing_and_damaged(
    bucket: Url, photos: Path, tmp_path: Path
) -> None:
    (photos / "7.png").write_text("<html>")
    _upload(photos, bucket / "photos")
    folder, _, scorer = _run(bucket / "photos", bucket / "runs" / "test")
    local, _, local_scorer = _run(photos, tmp_path / "run")
    for shard_id in range(3):
        scorer(shard_id)
        local_scorer(shard_id)
    rows = read_predictions(folder.predictions).to_pylist()
    assert rows == read_predictions(local.predictions).to_pylist()
    assert [row["image_id"] for row in rows if row["status"] == "error"] == ["7"]
    assert run_status(folder, verify=True).is_complete
    folder.shard(0, 3).unlink()
    folder.shard(2, 3).write_bytes(b"half")
    status = run_status(folder, verify=True)
    assert (status.missing, status.done, list(status.damaged)) == ([0], [1], [2])


def test_other_files_below_the_output_prefix_are_refused_and_overwrite_leaves_neighbours(bucket: Url) -> None:
    (bucket / "run" / "thesis.docx").write_bytes(b"mine")
    with (
        pytest.raises(Exception, match=r"holds thesis\.docx and no run\.json"),
        hold_folder(RunFolder(bucket / "run")),
    ):
        pass
    (bucket / "run" / "run.json").write_bytes(b"{}")
    RunFolder(bucket / "run").shard(0, 1).write_bytes(b"old")
    with hold_folder(RunFolder(bucket / "run")) as lease:
        remove_earlier_run(RunFolder(bucket / "run"), lease.fence)
        assert {key for key, _ in (bucket / "run").objects()} == {"thesis.docx", "lease.json"}
    assert {key for key, _ in bucket.objects()} == {"run/thesis.docx"}


def test_environment_alone_holds_the_secrets_of_a_run_in_a_bucket(bucket: Url, photos: Path) -> None:
    _upload(photos, bucket / "photos")
    _, settings, scorer = _run(bucket / "photos", bucket / "run")
    scorer(0)
    contents = [(bucket / key).read_bytes() for key, _ in bucket.objects()]
    secrets = [b"the-secret-of-the-tests", b"the-key-of-the-tests"]
    assert not [secret for secret in secrets for content in contents if secret in content]
    assert json.loads(json.dumps(vars(settings), default=str))["images"] == str(bucket / "photos")


def _tarred(photo: bytes) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        member = tarfile.TarInfo("1.jpg")
        member.size = len(photo)
        archive.addfile(member, io.BytesIO(photo))
    return gzip.compress(content.getvalue(), mtime=0)


@pytest.mark.parametrize("tells", [frozenset({"time"}), frozenset[str]()], ids=["time", "nothing"])
def test_a_compressed_tar_that_was_replaced_is_decompressed_anew_where_its_server_gives_no_tag(
    tells: frozenset[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    place = Url("s3", "bucket", "photos.tar.gz")
    with serving_objects(monkeypatch) as server:
        server.tells = tells
        for written_s, photo in ((1_700_000_000, b"older photo"), (1_750_000_000, b"newer photo")):
            server.stored["photos.tar.gz"] = _tarred(photo), written_s
            (image,) = find_images(place).images
            assert open_images(place)(image) == photo


@pytest.mark.parametrize("tells", [frozenset({"time"}), frozenset[str]()], ids=["time", "nothing"])
def test_a_zip_within_a_zip_is_unpacked_whatever_its_server_tells(
    tells: frozenset[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    bundle = io.BytesIO()
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.writestr("train.zip", _zipped("1.jpg"))
    place = Url("s3", "bucket", "bundle.zip/train.zip")
    with serving_objects(monkeypatch) as server:
        server.tells = tells
        server.stored["bundle.zip"] = bundle.getvalue(), 1_700_000_000
        (image,) = find_images(place).images
        assert open_images(place)(image) == b"1.jpg" * 50
    assert len(list(tmp_path.rglob("train.zip"))) == 1
