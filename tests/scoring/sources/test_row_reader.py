from pathlib import Path

import pytest

from scoring.errors import ImageError, OutOfReachError, RequestError, UnreachableError
from scoring.sources import row_reader
from scoring.sources.entries import ImageEntry
from scoring.sources.row_reader import RowReader
from scoring.storage.locations import Url
from tests.buckets import publish


class _Bucket:
    """Answers with one error, and counts how often it was asked."""

    def __init__(self, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
        self.num_asked = 0
        self._error = error
        monkeypatch.setattr(Url, "read_limited", self._read)

    def _read(self, limit_bytes: int) -> bytes:
        self.num_asked += 1
        raise self._error


def _read(reader: RowReader, path: str) -> ImageError:
    with pytest.raises(ImageError) as raised:
        reader(ImageEntry("1", path, 0))
    return raised.value


_FAULTS = [UnreachableError(None, "no connection", "s3://gone/1.jpg"), RequestError("no connection")]


@pytest.mark.parametrize("fault", _FAULTS, ids=repr)
def test_a_bucket_that_is_out_of_reach_while_others_are_not_is_not_asked_for_each_of_its_rows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: Exception
) -> None:
    bucket, reader = _Bucket(fault, monkeypatch), RowReader(tmp_path)
    (tmp_path / "here.jpg").write_bytes(b"here")
    error = _read(reader, "s3://gone/0.jpg")
    assert isinstance(error, OutOfReachError)
    assert str(error) == "s3://gone: no connection"
    assert reader(ImageEntry("1", "here.jpg", 4)) == b"here"
    for name in ("1.jpg", "2.jpg", "3.jpg"):
        assert isinstance(_read(reader, f"s3://gone/{name}"), OutOfReachError)
    assert bucket.num_asked == 2
    monkeypatch.setattr(row_reader, "_ASK_AGAIN_S", 0.0)
    _read(reader, "s3://gone/1.jpg")
    assert bucket.num_asked == 3


def test_a_bucket_that_fails_for_a_moment_is_asked_for_its_other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([b"0", None, b"2", None, b"4"])

    def read(url: Url, limit_bytes: int) -> bytes:
        answer = next(answers)
        if answer is None:
            raise UnreachableError(None, "no connection", str(url))
        return answer

    monkeypatch.setattr(Url, "read_limited", read)
    reader, found = RowReader(Path()), list[bytes | None]()
    for number in range(5):
        try:
            found.append(reader(ImageEntry(str(number), f"s3://{'ab'[number == 0]}/{number}.jpg", 1)))
        except OutOfReachError:
            found.append(None)
    assert found == [b"0", None, b"2", None, b"4"]


def test_where_no_place_answers_it_is_no_fault_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, reader = _Bucket(_FAULTS[0], monkeypatch), RowReader(Path())
    for _ in range(31):
        assert isinstance(_read(reader, "s3://gone/1.jpg"), OutOfReachError)
    with pytest.raises(UnreachableError, match=r"s3://gone/2\.jpg: no connection"):
        reader(ImageEntry("2", "s3://gone/2.jpg", 0))
    assert bucket.num_asked == 32


def test_an_object_that_is_not_there_says_nothing_of_its_bucket(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, reader = _Bucket(FileNotFoundError(2, "no such object or bucket"), monkeypatch), RowReader(Path())
    for _ in range(2):
        assert not isinstance(_read(reader, "s3://here/1.jpg"), OutOfReachError)
    assert bucket.num_asked == 2


def test_an_environment_that_opens_no_bucket_has_all_of_them_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Azure's account is not named, or Google's file of credentials is not there."""
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    error = _read(RowReader(Path()), "az://container/1.jpg")
    assert isinstance(error, OutOfReachError)
    assert str(error).startswith("az://container: no account: AZURE_STORAGE_ACCOUNT_NAME is not set")


def test_a_key_with_a_slash_before_or_behind_it_is_not_read_as_the_one_without(bucket: Url) -> None:
    publish(bucket / "photos/1.jpg", b"another photo")
    reader = RowReader(bucket)
    assert reader(ImageEntry("1", "photos/1.jpg", 0)) == reader(ImageEntry("1", f"{bucket}/photos/1.jpg", 0))
    for path in (f"{bucket}//photos/1.jpg", f"{bucket}/photos/1.jpg/", "photos/1.jpg/", f"{bucket}//", f"{bucket}/"):
        assert str(_read(reader, path)) == f"Expected a key without a slash at either end; received {path}."


@pytest.mark.parametrize("written", ["file://{}", "file:{}", "file://localhost{}", "FILE://{}", "{}"])
@pytest.mark.parametrize("name", ["1.jpg", "a b.jpg", "é%.jpg", "100%25.jpg", "a\\b.jpg"])
def test_a_file_is_read_by_the_path_that_spark_or_pathlib_writes(tmp_path: Path, written: str, name: str) -> None:
    file = tmp_path / name
    file.write_bytes(b"photo")
    reader = RowReader(Path("elsewhere"))
    assert reader(ImageEntry("1", written.format(file), 0)) == b"photo"
    assert reader(ImageEntry("1", file.as_uri(), 0)) == b"photo"


def test_percent_20_in_a_uri_is_a_blank_where_the_listing_told_it_as_one(tmp_path: Path) -> None:
    for name in ("a b.jpg", "a%20b.jpg", "only%20here.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    reader = RowReader(Path("elsewhere"))
    for name in ("a b.jpg", "a%20b.jpg"):
        uri = (tmp_path / name).as_uri()
        assert reader(ImageEntry("1", f"file://{tmp_path}/{name}", 0, uri.encode())) == name.encode()
        assert reader(ImageEntry("1", f"file://{tmp_path}/{name}", 0)) == name.encode()
        assert reader(ImageEntry("1", f"{tmp_path}/{name}", 0)) == name.encode()
    told, uri = f"file://{tmp_path}/only here.jpg", f"file://{tmp_path}/only%20here.jpg"
    assert reader(ImageEntry("1", told, 0, uri.encode())) == b"only%20here.jpg"


@pytest.mark.parametrize("folder", ["写真" * 20, "é" * 100, "a%00b"])
def test_a_file_is_read_where_another_spelling_of_its_path_is_no_name(tmp_path: Path, folder: str) -> None:
    file = tmp_path / folder / "1.jpg"
    file.parent.mkdir()
    file.write_bytes(b"photo")
    reader = RowReader(Path("elsewhere"))
    for uri in (file.as_uri(), f"file://{file}"):
        assert reader(ImageEntry("1", uri, 0)) == b"photo"
        row_reader.refuse_absent_common(Path("elsewhere"), uri.rpartition("/")[0], is_listed=False)
    file.unlink()
    assert str(_read(reader, file.as_uri())) == "cannot read: No such file or directory"
    file.parent.rmdir()
    with pytest.raises(UnreachableError, match="No such file or directory"):
        row_reader.refuse_absent_common(Path(), file.parent.as_uri(), is_listed=False)


def test_a_name_that_no_file_can_have_is_an_error_of_its_row(tmp_path: Path) -> None:
    for path in ("a\0b.jpg", f"{tmp_path}/a\0b.jpg"):
        assert str(_read(RowReader(tmp_path), path)) == f"Expected the name of a file; received {path!r}, with a NUL."
    row_reader.refuse_absent_common(tmp_path, "a\0b", is_listed=False)


def test_a_long_path_of_windows_is_no_name_that_is_too_long(tmp_path: Path) -> None:
    file = tmp_path.joinpath(*(letter * 100 for letter in "abc"), "1.jpg")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"photo")
    path = str(file.relative_to(tmp_path)).replace("/", "\\")
    assert RowReader(tmp_path)(ImageEntry("1", path, 0)) == b"photo"


def test_a_relative_path_is_read_from_a_prefix_as_from_a_folder(bucket: Url, tmp_path: Path) -> None:
    places = ("a/img/1.jpg", "b/2.jpg", "3.jpg")
    for place in places:
        publish(bucket / place, place.encode())
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(place.encode())
    rows = ("./img/1.jpg", "img/1.jpg", "././img/1.jpg", "../a/img/1.jpg", "./../b/2.jpg", "../3.jpg")
    for reader in (RowReader(tmp_path / "a"), RowReader(bucket / "a")):
        assert [reader(ImageEntry("1", row, 0)).decode() for row in rows] == [places[0]] * 4 + list(places[1:])
    for row in ("../../3.jpg", "../../../b/2.jpg"):
        assert "which leads out of it" in str(_read(RowReader(bucket / "a"), row))
    assert "without a slash at either end" in str(_read(RowReader(bucket / "a"), "./img/1.jpg/"))
    for row in ("img//1.jpg", "img/./1.jpg", "img/../img/1.jpg", ".//img/1.jpg", "../a//img/1.jpg", "..", "./"):
        assert "without empty parts" in str(_read(RowReader(bucket / "a"), row))  # another key, if it is one


def test_a_relative_path_of_windows_is_read_where_no_file_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "1.jpg").write_bytes(b"photo")
    reader = RowReader(tmp_path)
    assert reader(ImageEntry("1", r"cats\1.jpg", 0)) == b"photo"
    (tmp_path / r"cats\1.jpg").write_bytes(b"another photo")
    assert reader(ImageEntry("1", r"cats\1.jpg", 0)) == b"another photo"
    assert str(_read(reader, r"cats\2.jpg")) == "cannot read: No such file or directory"


def test_an_object_is_read_by_the_names_that_other_programs_have_for_its_scheme(bucket: Url) -> None:
    publish(bucket / "cats/1.jpg", b"photo")
    reader = RowReader(Path())
    for scheme in ("s3", "s3a", "s3n", "S3"):
        assert reader(ImageEntry("1", f"{scheme}://{bucket.bucket}/cats/1.jpg", 0)) == b"photo"
    assert str(row_reader.located(Path(), ImageEntry("1", "gcs://photos/1.jpg", 0))) == "gs://photos/1.jpg"
    for path in ("hdfs://host/1.jpg", "s3a://user:secret@photos/1.jpg"):
        assert "is none of these" in str(_read(reader, path))
