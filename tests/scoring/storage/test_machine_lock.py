import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from scoring.errors import StorageError
from scoring.storage.downloads import made_once, one_at_a_time
from scoring.storage.machine_lock import locked
from tests.faults import system_fault
from tests.source_tree import ROOT

_KILLED = """
import os, pathlib, sys
from scoring.storage.machine_lock import locked
with locked(pathlib.Path(sys.argv[1])):
    os.kill(os.getpid(), 9)
"""


def _waits(path: Path) -> bool:
    """Whether another thread has to wait for a lock; it does not hold it for long."""
    is_held = threading.Event()

    def hold() -> None:
        with locked(path):
            is_held.set()

    threading.Thread(target=hold, daemon=True).start()
    return not is_held.wait(0.3)


def test_a_lock_is_held_by_one_and_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"):
        assert _waits(tmp_path / "lock")
    killed = subprocess.run([sys.executable, "-c", _KILLED, tmp_path / "lock"], cwd=ROOT, check=False)
    assert killed.returncode == -9
    assert not _waits(tmp_path / "lock")


def test_a_child_that_was_forked_meanwhile_does_not_keep_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path):
        held = next(link for link in Path("/proc/self/fd").iterdir() if link.resolve() == path)
        as_of_a_child = os.dup(int(held.name))
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(as_of_a_child)


def test_a_lock_whose_file_was_removed_while_it_was_waited_for_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, seen = fcntl.flock, list[int]()

    def slow(descriptor: int, how: int) -> None:
        if not seen:
            (tmp_path / "lock").unlink()
        seen.append(descriptor)
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", slow)
    with locked(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()
        assert len(seen) == 2


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP], ids=errno.errorcode.get)
def test_where_a_file_system_has_no_locks_a_temporary_file_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    flock, has_any = fcntl.flock, True

    def refuse(descriptor: int, how: int) -> None:
        if not has_any or str(tmp_path / "temporary") not in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise system_fault(number)
        flock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert made_once("x", "x.h5", Path.touch).is_file()
    with locked(tmp_path / "lock"):
        assert _waits(tmp_path / "lock")
    has_any = False
    said = rf"Cannot write .*x\.h5: {os.strerror(number)}\. Name another folder for the cache by KERAS_HOME\.$"
    with pytest.raises(StorageError, match=said), one_at_a_time(tmp_path / "x.h5"):
        pass
