"""Every file below a folder is met once, whatever numbers its disk gives out, and though it fails for a moment."""

import errno
import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from scoring.errors import UnreachableError
from scoring.sources.inputs import find_images, open_images
from scoring.storage import walking
from scoring.storage.walking import Fault, walk
from tests.faults import fail, system_fault


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in ("1.jpg", "2.jpg", "3.jpg", "a/4.jpg", "b/ph/5.jpg", "c/ph/6.jpg"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(b"1")
    return tmp_path / "photos"


_NAMES = ["1.jpg", "2.jpg", "3.jpg", "a/4.jpg", "b/ph/5.jpg", "c/ph/6.jpg"]


@pytest.mark.parametrize("numbers", [lambda: 2, count().__next__], ids=["alike", "ever new"])
def test_numbers_of_inodes_do_not_tell_whether_a_folder_was_searched(
    photos: Path, monkeypatch: pytest.MonkeyPatch, numbers: Callable[[], int]
) -> None:
    (photos / "a" / "loop").symlink_to("..")
    (photos / "b" / "out").symlink_to(photos.parent)
    stat = Path.stat

    def numbered(path: Path, **options: Any) -> os.stat_result:
        status = list(stat(path, **options))
        return os.stat_result([status[0], numbers(), 1, *status[3:]])

    monkeypatch.setattr(Path, "stat", numbered)
    found = list(walk(photos))
    assert sorted(file.name for file in found if not file.fault) == _NAMES
    assert [file.name for file in found if file.fault] == ["a/loop/", "b/out/photos/"]
    assert {file.fault for file in found if file.fault} == {Fault.SEARCHED}


def test_a_folder_is_searched_once_though_a_link_spells_it_in_other_letters(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a disk that ignores case, links keep the letters that they were made with."""
    (photos.parent / "PHOTOS").symlink_to("photos")
    (photos / "link").symlink_to("a")
    (photos / "A").mkdir()
    (photos / "A" / "7.jpg").touch()
    real_path = walking._real_path
    monkeypatch.setattr(walking, "_real_path", lambda folder: real_path(folder).replace("/photos/", "/PHOTOS/"))
    found = list(walk(photos))
    assert sorted(file.name for file in found if not file.fault) == sorted([*_NAMES, "A/7.jpg"])
    assert [(file.name, file.fault) for file in found if file.fault] == [("link/", Fault.SEARCHED)]


@pytest.mark.parametrize("times", [1, 100])
def test_the_way_to_a_folder_may_fail_for_a_moment(photos: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    real_path, faults = walking._real_path, [system_fault(errno.EIO)] * times

    def fails(folder: str) -> str:
        if faults:
            raise faults.pop()
        return real_path(folder)

    monkeypatch.setattr(walking, "_real_path", fails)
    if times > 1:
        with pytest.raises(UnreachableError):
            list(walk(photos))
    else:
        assert sorted(file.name for file in walk(photos)) == _NAMES


class _Disk:
    """`os.scandir` of a disk that fails: where it opens a folder, amid one, and where it looks at what lies in it."""

    def __init__(self, place: str, fault: OSError, times: float, knows_kinds: bool = True) -> None:
        self._scandir = os.scandir
        self.place, self.fault, self.times, self.knows_kinds = place, fault, times, knows_kinds

    def refuse(self, name: str) -> None:
        if name == self.place and self.times > 0:
            self.times -= 1
            raise self.fault

    def __call__(self, folder: str) -> "_Folder":
        with self._scandir(folder) as entries:
            return _Folder(self, Path(folder).name, list(entries))


class _Folder:
    def __init__(self, disk: _Disk, name: str, entries: list["os.DirEntry[str]"]) -> None:
        self._disk, self._name, self._entries = disk, name, entries

    def __enter__(self) -> Iterator[Any]:
        for number, entry in enumerate(self._entries):
            if number == 1:
                self._disk.refuse(f"amid {self._name}")
            yield _Entry(self._disk, entry)

    def __exit__(self, *error: object) -> None:
        pass


class _Entry:
    def __init__(self, disk: _Disk, entry: "os.DirEntry[str]") -> None:
        self._disk, self._entry = disk, entry
        self.name, self.path, self.is_symlink = entry.name, entry.path, entry.is_symlink

    def is_dir(self) -> bool:
        if not self._disk.knows_kinds:
            self._disk.refuse(self.name)
        return self._entry.is_dir()

    def stat(self) -> os.stat_result:
        self._disk.refuse(self.name)
        return self._entry.stat()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow one another at once."""
    monkeypatch.setattr("scoring.storage.retrying._LONGEST_WAIT_S", 0.001)


@pytest.mark.parametrize("number", [errno.EIO, errno.EINTR, errno.EBUSY, errno.ETIMEDOUT], ids=errno.errorcode.get)
@pytest.mark.parametrize("place", ["amid photos", "amid ph", "1.jpg", "a", "6.jpg"])
def test_what_a_disk_fails_at_for_a_moment_is_listed(
    photos: Path, monkeypatch: pytest.MonkeyPatch, place: str, number: int
) -> None:
    (photos / "b" / "ph" / "more.txt").touch()
    before = sorted(walk(photos))
    monkeypatch.setattr(os, "scandir", _Disk(place, system_fault(number), 3, knows_kinds=False))
    assert sorted(walk(photos)) == before


@pytest.mark.parametrize("place", ["amid photos", "a"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ETIMEDOUT, errno.ENXIO], ids=errno.errorcode.get)
def test_folder_that_cannot_be_listed_now_lets_nothing_in_it_be_left_out(
    photos: Path, monkeypatch: pytest.MonkeyPatch, place: str, number: int
) -> None:
    monkeypatch.setattr(os, "scandir", _Disk(place, system_fault(number), 99, knows_kinds=False))
    said = rf"photos(/a)?: cannot be read while images are listed: {os.strerror(number)}\. Run again once it can"
    with pytest.raises(UnreachableError, match=said):
        list(walk(photos))


@pytest.mark.parametrize("knows_kinds", [True, False])
def test_photo_that_cannot_be_looked_at_now_is_listed_without_its_size(
    photos: Path, monkeypatch: pytest.MonkeyPatch, knows_kinds: bool
) -> None:
    (photos / "notes.txt").touch()
    for place in ("2.jpg", "notes.txt"):
        with monkeypatch.context() as patch:
            patch.setattr(os, "scandir", _Disk(place, system_fault(errno.EIO), 99, knows_kinds))
            listing = find_images(photos)
        assert [image.path for image in listing.images] == _NAMES
        assert [left.reason for left in listing.left_out] == ["not an image"]
    assert {open_images(photos)(image) for image in listing.images} == {b"1"}


def test_photo_known_by_its_content_is_looked_into_though_its_size_is_not_known(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "photo").write_bytes(b"GIF89a" + bytes(20))
    monkeypatch.setattr(os, "scandir", _Disk("photo", system_fault(errno.EIO), 99))
    assert [image.path for image in find_images(photos).images] == [*_NAMES, "photo"]


def test_disk_of_many_faults_is_not_asked_for_each_file_again_and_again(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "_MOST_PATIENT", 2)
    asked: list[str] = []
    disk = _Disk("", system_fault(errno.EIO), 0)
    monkeypatch.setattr(os, "scandir", disk)

    def refuse(name: str) -> None:
        if name.endswith(".jpg"):
            asked.append(name)
            raise disk.fault

    monkeypatch.setattr(disk, "refuse", refuse)
    assert sorted(file.name for file in walk(photos)) == _NAMES
    assert len(asked) == 2 * 7 + 4


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOENT, errno.ENAMETOOLONG], ids=errno.errorcode.get)
def test_folder_that_is_closed_or_gone_is_told(photos: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    fail(monkeypatch, os, "scandir", photos / "a", system_fault(number))
    assert [(file.name, file.fault) for file in walk(photos) if file.fault] == [("a/", Fault.UNREADABLE)]
