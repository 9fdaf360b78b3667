import errno
import io
import os
import pickle
import secrets
import zipfile
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scoring.errors import BucketError, ChangedError, RequestError, StorageError, TooLargeError
from scoring.storage import durable, retrying
from scoring.storage.conditional import write_if
from scoring.storage.downloads import local_copy
from scoring.storage.durable import remove_tree, whole_file, write_text
from scoring.storage.locations import Url, bucket_of, locate, readable
from scoring.storage.urls import Version
from tests.buckets import publish
from tests.local_server import serving


def test_path_stays_a_path_and_bucket_becomes_a_url() -> None:
    assert locate("runs/test") == Path("runs/test")
    assert locate("C:/runs") == Path("C:/runs")
    url = locate("s3://photos/train/cats/")
    assert isinstance(url, Url)
    assert (url.scheme, url.bucket, url.key) == ("s3", "photos", "train/cats")
    assert str(locate("gs://photos")) == "gs://photos"


def test_url_has_the_parts_of_a_path() -> None:
    url = locate("s3://photos/train/1.tar.gz")
    assert (url.name, url.suffix, str(url.parent), str(url.parent / "2.jpg")) == (
        "1.tar.gz",
        ".gz",
        "s3://photos/train",
        "s3://photos/train/2.jpg",
    )
    assert pickle.loads(pickle.dumps(url)) == url
    assert url.absolute() is url


@pytest.mark.parametrize("text", ["s3://user:secret@photos/train", "https://host/secret", "s3://", "az://u:secret@x/y"])
def test_url_with_credentials_or_of_another_kind_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(RequestError, match="environment") as refused:
        locate(text)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("text", ["S3://photos/a", "s3a://photos/a", "s3n://photos/a/"])
def test_place_in_a_bucket_may_be_written_as_other_programs_write_it(text: str) -> None:
    assert str(locate(text)) == "s3://photos/a"
    assert str(locate("gcs://photos")) == "gs://photos"
    assert bucket_of(text) == "s3://photos"


@pytest.mark.parametrize(
    "text", ["s3://photos?sig=secret/a", "gs://photos#secret", "s3a://two words/secret", "s3://<b>"]
)
def test_bucket_of_a_name_that_no_store_has_is_refused_without_repeating_a_query(text: str) -> None:
    with pytest.raises(RequestError, match=r"received a name with '[? <=#]'") as refused:
        locate(text)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("text", ["s3://photos//runs/test", "s3://photos/runs/test//", "s3://photos///runs/test/"])
def test_slashes_at_either_end_of_a_place_in_a_bucket_count_for_nothing(text: str) -> None:
    assert str(locate(text)) == "s3://photos/runs/test"


def test_a_bucket_is_the_same_with_any_number_of_slashes() -> None:
    assert locate("s3://photos///") == locate("s3://photos")


@pytest.mark.parametrize("text", ["s3://photos/a//b", "s3://photos/../b", "gs://photos/./b"])
def test_key_that_no_store_can_name_is_refused(text: str) -> None:
    with pytest.raises(RequestError, match="without empty parts"):
        locate(text)


@pytest.mark.parametrize("name", ["a b.jpg", "ünï.jpg", "100%.jpg", "%41.jpg", "a#b?c.jpg", "{x}*.jpg", "+&=.jpg"])
def test_object_of_any_name_is_written_listed_and_read(bucket: Url, name: str) -> None:
    (bucket / "folder" / name).write_bytes(b"content")
    assert list((bucket / "folder").objects()) == [(name, 7)]
    assert (bucket / "folder" / name).read_bytes() == b"content"


def test_prefix_is_there_when_an_object_is_below_it(bucket: Url) -> None:
    (bucket / "run" / "predictions" / "shard-1.parquet").write_bytes(b"1")
    (bucket / "run" / "run.json").write_bytes(b"{}")
    assert (bucket / "run").is_dir() and (bucket / "run").exists() and not (bucket / "run").is_file()
    assert not (bucket / "ru").exists()
    assert {url.name for url in (bucket / "run").iterdir()} == {"predictions", "run.json"}
    assert list((bucket / "run" / "predictions").glob("shard-*.parquet")) == [
        bucket / "run" / "predictions" / "shard-1.parquet"
    ]


def test_missing_object_is_a_missing_file(bucket: Url) -> None:
    with pytest.raises(FileNotFoundError):
        (bucket / "nothing").read_bytes()
    with pytest.raises(FileNotFoundError):
        (bucket / "nothing").unlink()
    (bucket / "nothing").unlink(missing_ok=True)


@pytest.mark.parametrize("name", ["resnet:crop", "mock:crop", "file:1", "s3:a", "a b:1"])
def test_a_relative_path_that_reads_as_a_url_is_a_path_to_pyarrow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    path, table = Path(name) / "table.parquet", pa.table({"x": [1, 2]})
    for read in (pq.ParquetFile, pq.read_table, pq.read_schema):
        with pytest.raises(FileNotFoundError):
            read(readable(path))
    with whole_file(path) as temporary:
        pq.write_table(table, temporary)
    assert pq.read_table(readable(path)).equals(table)


def test_missing_bucket_is_told_in_one_line(s3: str) -> None:
    url = locate("s3://no-such-bucket/run")
    with pytest.raises(BucketError, match=r"^s3://no-such-bucket/run: NoSuchBucket: .*does not exist$") as error:
        url.is_dir()
    assert "\n" not in str(error.value)
    with pytest.raises(StorageError, match="Cannot write s3://no-such-bucket/run"):
        write_text(url, "text")


def test_whole_file_appears_in_the_bucket_with_one_put_and_only_when_it_is_whole(
    bucket: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    puts: list[tuple[str, int, object]] = []
    put = obstore.put

    def spy(store: Any, key: str, content: bytes, **options: Any) -> object:
        puts.append((key, len(content), options.get("use_multipart")))
        return put(store, key, content, **options)

    monkeypatch.setattr(obstore, "put", spy)
    url = bucket / "predictions" / "shard.parquet"
    content = bytes(12 * 1024**2)  # above the size at which clients split an upload
    with whole_file(url) as temporary:
        temporary.write_bytes(content)
        assert not url.exists()
        assert temporary.name == url.name
    assert puts == [("predictions/shard.parquet", len(content), False)]
    assert url.read_bytes() == content
    assert not temporary.parent.exists()


@pytest.mark.parametrize("before", [None, "old"])
def test_write_that_is_answered_well_and_not_stored_is_an_error(
    bucket: Url, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    """As where a proxy answers, or a store that is full."""
    url = bucket / "run.json"
    if before:
        write_text(url, before)
    monkeypatch.setattr(obstore, "put", lambda *_, **__: {"e_tag": "x"})
    monkeypatch.setattr(retrying, "_FIRST_WAIT_S", 0.001)
    has = "has one of 3 bytes" if before else "has no such object"
    with pytest.raises(
        StorageError, match=f"^Cannot write {url}: it was said to be stored, 8 bytes, but the bucket {has}"
    ):
        write_text(url, "another ")


def test_write_that_shows_a_moment_later_is_none(bucket: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, head = iter([FileNotFoundError("NoSuchKey"), None]), obstore.head

    def late(store: Any, key: str) -> object:
        if error := next(looks):
            raise error
        return head(store, key)

    monkeypatch.setattr(obstore, "head", late)
    write_text(bucket / "run.json", "text")
    assert next(looks, "all looked") == "all looked"


def test_write_with_a_key_that_may_not_read_is_none(bucket: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: Url) -> object:
        raise BucketError(errno.EACCES, "access denied", str(url))

    monkeypatch.setattr(Url, "look", refuse)
    write_text(bucket / "run.json", "text")
    assert (bucket / "run.json").read_text() == "text"


def test_failed_write_leaves_the_old_object_and_nothing_else(bucket: Url) -> None:
    url = bucket / "run.json"
    write_text(url, "old")
    with pytest.raises(StorageError, match=r"run\.json: full"), whole_file(url) as temporary:
        temporary.write_text("new")
        raise OSError(28, "full")
    assert url.read_text() == "old"
    assert list(bucket.objects()) == [("run.json", 3)]


def test_conditional_write_lets_one_of_two_win(bucket: Url) -> None:
    url = bucket / "lease.json"
    assert write_if(url, None, b"first")
    assert not write_if(url, None, b"second")
    _, version = url.read_version()
    assert write_if(url, version, b"third")
    assert not write_if(url, version, b"fourth")
    assert url.read_bytes() == b"third"


def test_server_without_conditional_writes_is_asked_beforehand(bucket: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    put = obstore.put
    monkeypatch.setattr(obstore, "put", lambda store, key, content, mode=None: put(store, key, content))
    url = bucket / "lease.json"
    assert write_if(url, None, b"first")
    assert not write_if(url, None, b"second")
    assert url.read_bytes() == b"first"


def test_parquet_row_group_and_zip_member_are_read_without_the_rest(
    bucket: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    read_range = Url.read_range

    def spy(url: Url, start: int, length: int, version: Version) -> bytes:
        read.append(length)
        return read_range(url, start, length, version)

    monkeypatch.setattr(Url, "read_range", spy)
    noise = [secrets.token_bytes(400_000) for _ in range(20)]
    table = io.BytesIO()
    pq.write_table(pa.table({"content": noise}), table, row_group_size=1)
    (bucket / "table.parquet").write_bytes(table.getvalue())
    with pq.ParquetFile(readable(bucket / "table.parquet")) as file:
        assert file.read_row_group(7)["content"].to_pylist() == [noise[7]]
    assert sum(read) < 3 * 1024**2 < len(table.getvalue())
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for number, content in enumerate(noise):
            writer.writestr(str(number), content)
    (bucket / "photos.zip").write_bytes(archive.getvalue())
    read.clear()
    with zipfile.ZipFile(readable(bucket / "photos.zip")) as opened:
        assert opened.read("3") == noise[3]
    assert sum(read) < 3 * 1024**2


@pytest.mark.parametrize("heeds_condition", [True, False])
def test_object_that_is_replaced_while_it_is_open_is_not_read_as_half_of_each(
    bucket: Url, monkeypatch: pytest.MonkeyPatch, heeds_condition: bool
) -> None:
    get = obstore.get

    def get_any(store: Any, key: str, *, options: Any) -> Any:
        """As a server answers that ignores If-Match."""
        kept: Any = {name: options[name] for name in options if name != "if_match"}
        return get(store, key, options=kept)

    if not heeds_condition:
        monkeypatch.setattr(obstore, "get", get_any)
    (bucket / "table").write_bytes(b"old" * 1000)
    with (bucket / "table").open(buffer_bytes=16) as file:
        assert file.read(3) == b"old"
        (bucket / "table").write_bytes(b"new" * 1000)
        file.seek(1500)
        with pytest.raises(ChangedError, match="/table is not the file that was listed"):
            file.read(3)
    with (bucket / "table").open(buffer_bytes=16) as file:
        assert file.read(3) == b"new"


def test_object_whose_tag_a_proxy_weakens_is_read_in_parts_and_downloaded(
    bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = obstore.head

    def weakened(*place: Any) -> dict[str, Any]:
        found = head(*place)
        return {**found, "e_tag": f"W/{found['e_tag']}"}

    monkeypatch.setattr(obstore, "head", weakened)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (bucket / "table").write_bytes(b"old")
    with (bucket / "table").open(buffer_bytes=1) as file:
        assert file.read(1) == b"o"
        assert local_copy(bucket / "table").read_bytes() == b"old"
        (bucket / "table").write_bytes(b"new")
        with pytest.raises(ChangedError):
            file.read(1)


def test_tree_is_removed_without_its_neighbours(bucket: Url) -> None:
    for name in ("run/a", "run/b/c", "run2/a"):
        (bucket / name).write_bytes(b"")
    remove_tree(bucket / "run")
    assert [key for key, _ in bucket.objects()] == ["run2/a"]


def test_content_above_the_limit_is_not_held(bucket: Url) -> None:
    (bucket / "large").write_bytes(bytes(1000))
    assert len((bucket / "large").read_limited(1000)) == 1000
    with pytest.raises(TooLargeError):
        (bucket / "large").read_limited(999)


def test_public_bucket_is_read_without_credentials(bucket: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    (bucket / "secret").write_bytes(b"1")
    publish(bucket / "a", b"1")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    assert (bucket / "a").read_bytes() == b"1"
    with pytest.raises(BucketError, match="access denied"):
        (bucket / "secret").read_bytes()


class _MachineWithoutRole(BaseHTTPRequestHandler):
    """Answers as a machine of the cloud that gives no role."""

    def do_PUT(self) -> None:
        self.send_error(403)

    def log_message(self, *_: object) -> None:
        pass


def test_a_client_without_credentials_says_which_are_missing(
    bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))  # no ~/.aws
    with serving(_MachineWithoutRole) as machine:
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", machine)
        with pytest.raises(BucketError, match="no credentials: AWS_ACCESS_KEY_ID is not set where this runs"):
            (bucket / "a").read_bytes()


@pytest.mark.parametrize("is_by_file", [False, True])
def test_who_was_refused_without_credentials_and_has_some_now_is_let_in(
    bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_by_file: bool
) -> None:
    (bucket / "a").write_bytes(b"1")
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    keys = [os.environ[name] for name in names]
    for name in names:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    with serving(_MachineWithoutRole) as machine:
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", machine)
        with pytest.raises(BucketError, match="no credentials"):
            (bucket / "a").read_bytes()
        if is_by_file:
            (tmp_path / ".aws").mkdir()
            lines = "".join(f"{name.lower()} = {key}\n" for name, key in zip(names, keys, strict=True))
            (tmp_path / ".aws" / "credentials").write_text(f"[default]\n{lines}")
        else:
            for name, key in zip(names, keys, strict=True):
                monkeypatch.setenv(name, key)
        assert (bucket / "a").read_bytes() == b"1"


class _OtherStore(BaseHTTPRequestHandler):
    """Another store, in which every object says so."""

    def do_GET(self) -> None:
        self.send_response(200)
        for name, value in {
            "Content-Length": "5",
            "ETag": '"1"',
            "Last-Modified": "Sat, 28 Nov 2026 00:00:00 GMT",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"other")

    def log_message(self, *_: object) -> None:
        pass


def test_a_bucket_is_that_of_the_store_that_the_environment_names_now(
    bucket: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bucket / "a").write_bytes(b"1")
    first = os.environ["AWS_ENDPOINT_URL"]
    with serving(_OtherStore) as second:
        for endpoint, content in ((first, b"1"), (second, b"other"), (first, b"1")):
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
            assert (bucket / "a").read_bytes() == content


@pytest.mark.parametrize("profile", ["default", "mine"])
def test_profile_brings_the_credentials(
    bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    (bucket / "a").write_bytes(b"1")
    keys = [os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    (tmp_path / "credentials").write_text(
        f"[{profile}]\naws_access_key_id = {keys[0]}\naws_secret_access_key = {keys[1]}\n"
    )
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    if profile != "default":
        monkeypatch.setenv("AWS_PROFILE", profile)
    assert (bucket / "a").read_bytes() == b"1"
    monkeypatch.setenv("AWS_PROFILE", "another")
    with pytest.raises(RequestError, match="'another'"):
        (bucket / "a").read_bytes()


def test_local_file_is_synced_and_renamed_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(durable, "sync", synced.append)
    write_text(tmp_path / "run.json", "{}")
    assert [path.name for path in synced] == ["run.json", tmp_path.name]


def test_google_bucket_is_listed_read_and_written_by_the_same_code(
    bucket: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Moto understands the XML interface that Google's storage shares with S3; it knows none of its conditions."""
    monkeypatch.setenv("GOOGLE_BASE_URL", os.environ["AWS_ENDPOINT_URL"])
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "x")
    google = locate(f"gs://{bucket.bucket}/train")
    assert isinstance(google, Url)
    with whole_file(google / "1 a.jpg") as temporary:
        temporary.write_bytes(b"content")
    assert list(google.objects()) == [("1 a.jpg", 7)]
    assert (google / "1 a.jpg").read_range(2, 3) == b"nte"
    assert readable(google / "1 a.jpg").read() == b"content"  # type: ignore[union-attr]
    with pytest.raises(FileNotFoundError):
        (google / "2.jpg").read_bytes()
