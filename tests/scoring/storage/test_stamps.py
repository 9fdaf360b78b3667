import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from scoring.storage import stamps
from scoring.storage.stamps import file_stamp, object_stamp
from scoring.storage.walking import walk


def test_a_file_that_took_anothers_name_size_and_time_has_another_stamp(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").write_bytes(b"one")
    (tmp_path / "other").write_bytes(b"two")
    before = (tmp_path / "1.jpg").stat()
    os.utime(tmp_path / "other", ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert file_stamp((tmp_path / "1.jpg").stat()) == file_stamp(before)
    (tmp_path / "other").replace(tmp_path / "1.jpg")
    assert file_stamp((tmp_path / "1.jpg").stat()) != file_stamp(before)


@pytest.mark.parametrize(
    ("kind", "is_kept"),
    [
        *[("ext4", True), ("overlay", True), ("fuseblk", False), ("fuse", False), ("squashfs", False)],
        *[("nfs4", False), ("fuse.sshfs", False), ("cifs", False), ("vfat", False), ("msdos", False), ("exfat", False)],
    ],
)
def test_numbers_of_files_count_only_where_they_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, is_kept: bool
) -> None:
    status = tmp_path.stat()
    _mount(monkeypatch, tmp_path, {status.st_dev: kind})
    assert (stamps.inode_of(status) == status.st_ino) == is_kept


def test_numbers_of_a_device_that_is_not_mounted_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _mount(monkeypatch, tmp_path, {1: "overlay", 2: "fuse.sshfs"})  # a subvolume's, a lower layer's
    assert stamps.inode_of(tmp_path.stat()) is not None


@pytest.mark.parametrize(("kind", "is_told"), [("ext4", True), ("fuse.archivemount", False), ("squashfs", False)])
def test_where_neither_time_nor_inode_tells_a_file_has_no_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, is_told: bool
) -> None:
    (tmp_path / "1.jpg").touch()
    os.utime(tmp_path / "1.jpg", (0, 0))
    _mount(monkeypatch, tmp_path, {tmp_path.stat().st_dev: kind})
    (found,) = [file for file in walk(tmp_path) if file.name == "1.jpg"]
    assert (found.stamp is not None) == is_told
    os.utime(tmp_path / "1.jpg", (0, 1))
    assert all(file.stamp is not None for file in walk(tmp_path))


def _mount(monkeypatch: pytest.MonkeyPatch, folder: Path, kinds: dict[int, str]) -> None:
    """Have only these file systems be mounted, by the numbers of their devices."""
    line = "27 1 {}:{} / /a\\040b rw,a shared:1 - {} /dev/x rw\n"
    lines = [line.format(os.major(device), os.minor(device), kind) for device, kind in kinds.items()]
    (folder / "mountinfo").write_text("22 27 0:999 / /proc rw - proc proc rw\n" + "".join(lines))
    monkeypatch.setattr(stamps, "_MOUNTS", folder / "mountinfo")
    monkeypatch.setattr(stamps, "_keeps_inodes", cache(stamps._keeps_inodes.__wrapped__))


def test_an_object_without_an_etag_is_told_by_its_version_and_time() -> None:
    first = {"size": 3, "e_tag": None, "version": None, "last_modified": datetime(2026, 1, 1, tzinfo=UTC)}
    assert object_stamp(first) == object_stamp(dict(first))
    for other in ({"size": 4}, {"version": "1"}, {"last_modified": datetime(2026, 1, 2, tzinfo=UTC)}, {"e_tag": '"a"'}):
        assert object_stamp(first | other) != object_stamp(first)
    assert object_stamp(first | {"e_tag": '"a"'}) == object_stamp(first | {"e_tag": '"a"', "version": "9"})
