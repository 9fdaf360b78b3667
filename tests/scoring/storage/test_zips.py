"""What keeps a zip from being read is told as such, and makes it no other kind of file."""

import errno
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from scoring.errors import BucketError, ScoringError, StorageError
from scoring.networks.keras_files import check_keras_file, read_keras_digest
from scoring.sources.packing import kind_of
from scoring.sources.zip_directory import ZipDirectory
from scoring.sources.zip_images import ZipSource
from scoring.storage.locations import Url
from scoring.storage.reading import open_zip
from scoring.storage.sections import Section
from scoring.storage.stored_object import StoredObject
from scoring.storage.zips import holds_zip
from tests.faults import system_fault
from tests.object_server import ObjectServer, serving_objects

_ZIP = Url("s3", "bucket", "photos.zip")
_Look = Callable[[Url], object]
_however_it_is_looked_at = pytest.mark.parametrize(
    "look",
    [
        holds_zip,
        kind_of,
        ZipDirectory,
        read_keras_digest,
        lambda place: check_keras_file(place, "`model`"),
        lambda place: ZipSource(place).check(),
    ],
    ids=["end", "kind", "directory", "digest", "model", "images"],
)


def _zip(name: str) -> bytes:
    """As a program that unpacks itself."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, "{}")
    return b"#!" + bytes(600) + packed.getvalue()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    """A bucket with a zip."""
    with serving_objects(monkeypatch) as started:
        started.stored["photos.zip"] = _zip("config.json"), 1_700_000_000
        yield started


def _before_reads(monkeypatch: pytest.MonkeyPatch, act: Callable[[int], None]) -> None:
    """Call `act` with its number, from 1 on, before each read of a part."""
    read_part, numbers = StoredObject.read_part, iter(range(1, 1000))

    def read(read_from: StoredObject, start: int, length: int, seen: Mapping[str, Any] | None) -> bytes:
        act(next(numbers))
        return read_part(read_from, start, length, seen)

    monkeypatch.setattr(StoredObject, "read_part", read)


@_however_it_is_looked_at
def test_a_zip_whose_bucket_fails_once_is_not_called_another_kind_of_file(
    server: ObjectServer, look: _Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers: list[int] = []
    with monkeypatch.context() as patched:
        _before_reads(patched, numbers.append)
        look(_ZIP)
    assert numbers
    for failing in numbers:

        def fail(number: int, failing: int = failing) -> None:
            if number == failing:
                raise BucketError(errno.EREMOTEIO, "SlowDown: later", str(_ZIP))

        with monkeypatch.context() as patched:
            _before_reads(patched, fail)
            with pytest.raises(ScoringError, match=r"SlowDown: later\.?$"):
                look(_ZIP)


@_however_it_is_looked_at
def test_a_zip_that_another_replaces_meanwhile_is_not_called_another_kind_of_file(
    server: ObjectServer, look: _Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace(number: int) -> None:
        if number == 1:
            server.stored["photos.zip"] = _zip("of another name"), 1_800_000_000

    _before_reads(monkeypatch, replace)
    try:
        look(_ZIP)
    except StorageError as error:
        assert "If it was replaced, run again" in str(error)


_BEFORE_ITS_BEGIN = b"PK\6\7" + bytes(4) + b"\xff" * 8 + b"\1\0\0\0" + b"PK\5\6" + b"\xff" * 16 + bytes(2)


def test_what_names_an_end_before_its_begin_is_no_zip_wherever_it_lies(server: ObjectServer, tmp_path: Path) -> None:
    """As a locator of a zip of many gigabytes does where nothing is before it."""
    server.stored["photos.zip"] = _BEFORE_ITS_BEGIN, 1_700_000_000
    (tmp_path / "photos.zip").write_bytes(_BEFORE_ITS_BEGIN)
    part = Section(tmp_path / "photos.zip", "inner.zip", 0, len(_BEFORE_ITS_BEGIN))
    for place in (tmp_path / "photos.zip", _ZIP, part):
        assert not holds_zip(place)
        with pytest.raises(zipfile.BadZipFile, match="not a zip file"):
            open_zip(place)


def test_a_file_is_a_zip_by_its_end_and_a_disk_that_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos.zip").write_bytes(_zip("1.jpg"))
    assert holds_zip(tmp_path / "photos.zip")
    for content in (b"", b"PK\5\6", bytes(100), bytes(100_000)):
        (tmp_path / "other").write_bytes(content)
        assert not holds_zip(tmp_path / "other")
        with pytest.raises(zipfile.BadZipFile):
            open_zip(tmp_path / "other")
    with pytest.raises(FileNotFoundError):
        holds_zip(tmp_path / "nothing")
    with pytest.raises(IsADirectoryError):
        holds_zip(tmp_path)

    class Failing(io.BytesIO):
        def read(self, *_: object) -> bytes:
            raise system_fault(errno.ENODEV)

    monkeypatch.setattr(io, "open", lambda *_, **__: Failing(bytes(100)))
    for look in (holds_zip, open_zip):
        with pytest.raises(OSError, match="No such device"):
            look(tmp_path / "photos.zip")
