import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scoring.storage import stamps
from scoring.storage.stamps import file_stamp, object_stamp


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
        *[("ext4", True), ("fuseblk", True), ("overlay", True)],
        *[("nfs4", False), ("fuse.sshfs", False), ("cifs", False), ("vfat", False), ("msdos", False), ("exfat", False)],
    ],
)
def test_numbers_of_files_count_only_where_they_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, is_kept: bool
) -> None:
    status = tmp_path.stat()
    device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    mounts = f"22 27 0:999 / /proc rw - proc proc rw\n27 1 {device} / /a\\040b rw,a shared:1 - {kind} /dev/x rw\n"
    (tmp_path / "mountinfo").write_text(mounts)
    monkeypatch.setattr(stamps, "_MOUNTS", tmp_path / "mountinfo")
    stamps._keeps_inodes.cache_clear()
    assert (stamps.inode_of(status) == status.st_ino) == is_kept
    stamps._keeps_inodes.cache_clear()


def test_an_object_without_an_etag_is_told_by_its_version_and_time() -> None:
    first = {"size": 3, "e_tag": None, "version": None, "last_modified": datetime(2026, 1, 1, tzinfo=UTC)}
    assert object_stamp(first) == object_stamp(dict(first))
    for other in ({"size": 4}, {"version": "1"}, {"last_modified": datetime(2026, 1, 2, tzinfo=UTC)}, {"e_tag": '"a"'}):
        assert object_stamp(first | other) != object_stamp(first)
    assert object_stamp(first | {"e_tag": '"a"'}) == object_stamp(first | {"e_tag": '"a"', "version": "9"})
