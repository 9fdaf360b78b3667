import errno
import tempfile
from pathlib import Path
from unittest.mock import Mock

import pytest
import ray

from cluster import temporary_folder
from cluster.errors import SessionError
from cluster.session import open_session
from tests.faults import system_fault


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """No Ray is open, none may start, and no variable says where its files lie."""
    for name in ("RAY_TMPDIR", "TMPDIR", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    monkeypatch.setattr(ray, "init", lambda **options: pytest.fail("it started"))


@pytest.mark.parametrize("folder", ["tmp", "", "./tmp", "/tmp/\u00e9", "/tmp/\udce9"])
@pytest.mark.parametrize("variable", ["RAY_TMPDIR", "TMPDIR"])
def test_a_path_that_ray_cannot_use_is_named_before_it_starts(
    variable: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "also wrong")
    monkeypatch.setenv(variable, folder)
    with pytest.raises(SessionError) as told, open_session(None):
        pass
    assert str(told.value).startswith(f"Expected {variable} to be an absolute path of ASCII letters; ")
    assert f"received {folder!r}. Ray keeps" in str(told.value)


@pytest.mark.parametrize("fails", [(tempfile, "TemporaryDirectory"), (Path, "write_bytes"), (Path, "touch")])
@pytest.mark.parametrize("variable", ["TMPDIR", None])
def test_a_disk_without_room_or_inodes_is_named_before_ray_starts(
    variable: str | None, fails: tuple[object, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setattr(*fails, Mock(side_effect=system_fault(errno.ENOSPC)))
    where = f"{tmp_path}, which is TMPDIR" if variable else "/tmp, which is the default"
    with pytest.raises(SessionError, match=f"^Expected room .* in {where}: No space left .* set RAY_TMPDIR to"):
        temporary_folder.check_usable()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_counts_less_is_not_looked_at_and_one_that_ray_will_make_is_fine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", "relative")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "none yet"))
    temporary_folder.check_usable()
    assert not list(tmp_path.iterdir())
