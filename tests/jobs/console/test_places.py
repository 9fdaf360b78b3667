import os
from pathlib import Path
from unittest.mock import Mock

import pytest

from jobs.console.places import here, place, text_of
from jobs.console.session import open_session
from jobs.score.model_options import model_request
from scoring.errors import RequestError
from scoring.storage.locations import Url, locate


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("runs/test", Path("runs/test")),
        (Path("runs/test"), Path("runs/test")),
        ("s3://bucket/run", Url("s3", "bucket", "run")),
        (Url("s3", "bucket", "run"), Url("s3", "bucket", "run")),
        (Path("/data/my photos/50%20é").as_uri(), Path("/data/my photos/50%20é")),
        ("file:/data/a.zip", Path("/data/a.zip")),
        ("FILE://localhost/data", Path("/data")),
        (Path("file:///data/my%20run"), Path("/data/my run")),
        ("file", Path("file")),
        ("file:x/y", Path("file:x/y")),
    ],
)
def test_a_place_may_be_text_a_path_or_what_a_result_calls_its_path(value: str | Path | Url, found: object) -> None:
    assert place(value, "run") == found
    assert text_of(value) == str(found)


@pytest.mark.parametrize("value", ["file://nas/photos", "file://photos", "file://user:PASSWORD@h/x", "File://./photos"])
def test_a_uri_of_no_file_of_this_machine_is_refused_with_what_to_write(value: str) -> None:
    for take in (text_of, lambda text: place(text, "images")):
        with pytest.raises(RequestError, match="received another machine's, or a relative path") as told:
            take(value)
        assert "PASSWORD" not in str(told.value)


def test_the_home_folder_may_be_a_tilde_as_in_a_shell() -> None:
    assert place("~/runs", "output") == place(Path("~/runs"), "output") == Path.home() / "runs"
    assert place("~", "output") == Path.home()
    assert text_of("random") == "random"


@pytest.mark.parametrize("value", ["~old", "~root/runs", "~backup,dog"])
def test_a_name_that_begins_with_a_tilde_is_no_users_home(value: str) -> None:
    """A shell leaves it as it is where it is quoted or names no user."""
    assert text_of(value) == value
    assert place(value, "images") == Path(value)


def test_a_tilde_of_a_user_without_a_home_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "expanduser", Mock(side_effect=RuntimeError("Could not determine home directory.")))
    with pytest.raises(RequestError, match="Expected a home folder for ~/runs; this user has none"):
        place("~/runs", "output")


def _labels(text: str) -> str | None:
    return model_request("x.keras", labels=text).labels


@pytest.mark.parametrize("value", ["x" * 300, "y/" * 3000])
def test_what_is_too_long_for_a_path_is_one_line_and_many_labels_are_none(value: str) -> None:
    for refuse in (text_of, _labels, lambda long: place(long, "output")):
        with pytest.raises(
            RequestError, match=rf"received one of {len(value):,} characters, which is too long"
        ) as long:
            refuse(value)
        assert len(str(long.value)) < 200
    assert _labels("cat," * 2000) == "cat," * 2000


def test_a_path_with_a_nul_is_one_line() -> None:
    for refuse in (text_of, _labels, lambda text: place(text, "output")):
        with pytest.raises(RequestError, match=r"names that a file can have; received 'a\\x00b', with a NUL\."):
            refuse("a\0b")


@pytest.mark.parametrize("value", ["fotos_\udce9", Path("fotos_\udce9") / "train"])
def test_a_path_that_is_not_utf8_is_refused_by_its_name(value: str | Path) -> None:
    with pytest.raises(RequestError, match=r"paths and names in UTF-8; received 'fotos_\\udce9") as refused:
        place(value, "output")
    assert str(refused.value).isprintable()


def test_a_path_below_a_folder_that_is_not_utf8_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "fotos_\udce9"
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(RequestError, match="in UTF-8"):
        place("photos", "images")


@pytest.mark.parametrize("asked", ["closed", "closed/photos", "closed/bundle.zip/train.csv"])
def test_a_folder_that_may_not_be_searched_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """Root may search everything: the system's answers are told."""
    folder = tmp_path / "closed"
    folder.mkdir()
    status = Path.stat

    def refuse(path: Path, **options: bool) -> os.stat_result:
        if folder in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return status(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: path != folder)
    with pytest.raises(RequestError, match=r"closed.* may not be searched. Ask its owner for chmod \+x"):
        place(tmp_path / asked, "images")
    assert place(tmp_path, "images") == tmp_path


def test_a_url_that_was_made_a_path_is_refused_instead_of_becoming_a_folder() -> None:
    with pytest.raises(RequestError, match="Expected `output` as text where it is a URL; received the path s3:/bucket"):
        place(Path("s3://bucket/run"), "output")


@pytest.mark.parametrize(
    "value", ["s3:/KEY:PASSWORD@bucket/run", Path("s3://KEY:PASSWORD@bucket/run"), "https:/u:PASSWORD@h"]
)
def test_a_url_a_slash_short_is_no_path_and_its_password_is_not_shown(value: str | Path) -> None:
    with pytest.raises(RequestError, match="slash") as raised:
        place(value, "output")
    assert "PASSWORD" not in str(raised.value)


def test_a_bucket_is_refused_where_a_folder_on_this_machine_is_needed() -> None:
    assert here("runs", "output") == Path("runs")
    with pytest.raises(RequestError, match="Expected `output` on this machine; received s3://bucket/run"):
        here("s3://bucket/run", "output")


def test_a_folder_that_is_gone_is_one_line_where_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "model.keras").touch()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here").rmdir()
    (tmp_path / "here").mkdir()  # another of its name
    gone = "^Expected to be in a folder that exists; the current one was removed or replaced. Go into it again"
    for value in ("../photos", "photos", "."):
        with pytest.raises(RequestError, match=gone):
            place(value, "images")
    with pytest.raises(RequestError, match=gone):
        text_of("../model.keras")
    with pytest.raises(RequestError, match=gone), open_session(None):
        pass
    assert text_of("resnet50") == "resnet50"
    assert place(tmp_path, "output") == tmp_path
    assert place("s3://bucket/photos", "images") == locate("s3://bucket/photos")
