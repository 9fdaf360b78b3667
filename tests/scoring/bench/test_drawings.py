import errno
from pathlib import Path

import pytest

from scoring.bench.drawings import draw_odd_photos, draw_photos, draw_sonar
from scoring.errors import StorageError
from tests.faults import fail, system_fault


def _draw(folder: Path) -> None:
    draw_photos(folder, 3, seed=1)
    draw_odd_photos(folder, 3, seed=2)
    draw_sonar(folder / "sonar.csv", seed=3)


def _files(folder: Path) -> dict[Path, tuple[int, bytes]]:
    return {path: (path.stat().st_ino, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def test_pictures_that_are_there_are_not_drawn_over(tmp_path: Path) -> None:
    _draw(tmp_path)
    before = _files(tmp_path)
    broken = tmp_path / "cat" / "1.jpg"
    broken.write_bytes(broken.read_bytes()[:100])
    (tmp_path / "dog" / ".2.jpg.killed.tmp").mkdir()
    _draw(tmp_path)
    after = _files(tmp_path)
    assert len(after) == 9
    assert {path: content for path, (_, content) in after.items()} == {
        path: content for path, (_, content) in before.items()
    }
    assert [path for path in after if after[path] != before[path]] == [broken], "whole, in the place of what is not"
    assert [path.name for path in (tmp_path / "dog").glob(".*")] == []


@pytest.mark.parametrize("name", ["cat/1.jpg", "dog/4.jpg", "sonar.csv"])
def test_a_full_disk_is_one_line_about_what_could_not_be_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    place, replace = tmp_path / name, Path.replace

    def full(path: Path, target: Path) -> Path:
        if target == place:
            raise system_fault(errno.ENOSPC)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StorageError, match=rf"^Cannot write .*/{name}: No space left on device\.$"):
        _draw(tmp_path)
    assert not place.exists()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, Path, "mkdir", tmp_path / "cat", system_fault(errno.EROFS))
    with pytest.raises(StorageError, match=r"^Cannot write .*/cat: Read-only file system\.$"):
        draw_photos(tmp_path, 1, seed=1)
