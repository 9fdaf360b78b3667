"""What killed writers leave is removed; what a living one writes, never."""

import hashlib
import http.server
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scoring.networks import conversions
from scoring.storage.downloads import fetch, made_once
from scoring.storage.durable import write_text
from scoring.storage.leftovers import hidden_name, remove_leftovers
from tests.local_server import serving

_ROOT = Path(__file__).resolve().parents[3]
_CONTENT = bytes(100_000)
_CHECKSUM = "sha256:" + hashlib.sha256(_CONTENT).hexdigest()
_DAY_S = 86_400

# Each begins to make something in the folder KERAS_HOME, and never ends.
_MAKERS = {
    "conversion": """
with conversions.made_once(cache_folder() / "x") as temporary:
    (temporary / "model.bin").write_bytes(bytes(1000))
    signal.pause()
""",
    "copy": 'made_once("x", "x", lambda path: (path.write_bytes(bytes(1000)), signal.pause()))',
    "download": f'fetch(sys.argv[1], cache_folder() / "x", "{_CHECKSUM}")',
}
_IMPORTS = """
import signal, sys
from scoring.networks import conversions
from scoring.storage.downloads import cache_folder, fetch, made_once
"""


_KILLED_WRITER = """
import os, sys
from pathlib import Path
from scoring.storage.durable import whole_file
files = [whole_file(Path(path)) for path in sys.argv[1:]]
for file in files:
    file.__enter__()
os._exit(9)
"""


def _convert(folder: Path, address: str) -> None:
    with conversions.made_once(folder / "x") as temporary:
        assert temporary


_MADE_AGAIN: dict[str, Callable[[Path, str], object]] = {
    "conversion": _convert,
    "copy": lambda folder, address: made_once("x", "x", Path.touch),
    "download": lambda folder, address: fetch(address, folder / "x", _CHECKSUM),
}


class _Handler(http.server.BaseHTTPRequestHandler):
    """Sends half of the first answer, and no more of it."""

    num_asked = 0

    def do_GET(self) -> None:
        type(self).num_asked += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(_CONTENT)))
        self.end_headers()
        if self.num_asked > 1:
            self.wfile.write(_CONTENT)
            return
        self.wfile.write(_CONTENT[: len(_CONTENT) // 2])
        self.wfile.flush()
        self.rfile.read(1)  # until the one who asked is gone

    def log_message(self, *arguments: object) -> None:
        return


@pytest.fixture
def address() -> Iterator[str]:
    with serving(type("Handler", (_Handler,), {})) as served:
        yield served


def _written(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.tmp/**/*") if path.is_file() and path.stat().st_size]


@pytest.mark.parametrize("made", _MAKERS)
def test_what_a_killed_maker_left_in_the_cache_goes_before_it_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, made: str
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    maker = subprocess.Popen([sys.executable, "-c", _IMPORTS + _MAKERS[made], address], cwd=_ROOT)
    try:
        while not _written(tmp_path):
            assert maker.poll() is None
            time.sleep(0.01)
        (hidden,) = tmp_path.rglob("*.tmp")
        remove_leftovers(hidden.with_name("x"))
        assert _written(tmp_path)
    finally:
        maker.kill()
        maker.wait()
    _MADE_AGAIN[made](tmp_path, address)
    assert not list(tmp_path.rglob("*.tmp"))
    assert [path.name for path in tmp_path.rglob("x")] == ["x"]


def _left(folder: Path, name: str, age_s: float, file_age_s: float | None = None) -> Path:
    hidden = folder / name
    hidden.mkdir()
    (hidden / "x").write_bytes(b"half")
    for path, age in ((hidden / "x", age_s if file_age_s is None else file_age_s), (hidden, age_s)):
        os.utime(path, (time.time() - age,) * 2)
    return hidden


def test_what_a_process_elsewhere_may_still_write_stays_for_a_day(tmp_path: Path) -> None:
    stays = [
        _left(tmp_path, ".x.00000000-1-61ee8756.tmp", _DAY_S - 100),
        _left(tmp_path, ".x.00000001-1-61ee8756.tmp", 2 * _DAY_S, 60),
        _left(tmp_path, ".x.61ee8756.tmp", 100),
        _left(tmp_path, ".x.y.00000000-1-61ee8756.tmp", 2 * _DAY_S),  # of another file
        _left(tmp_path, ".x.61ee8756", 2 * _DAY_S),
        _left(tmp_path, hidden_name("x"), 2 * _DAY_S),  # our own
    ]
    goes = [
        _left(tmp_path, ".x.00000002-1-61ee8756.tmp", _DAY_S + 100),
        _left(tmp_path, ".x.71ee8756.tmp", _DAY_S + 100),
    ]
    remove_leftovers(tmp_path / "x")
    assert [path.exists() for path in (*stays, *goes)] == [True] * len(stays) + [False] * len(goes)


def test_what_a_killed_report_or_submission_left_goes_with_the_next_one(tmp_path: Path) -> None:
    names = ["report.html", "submission.csv"]
    command = [sys.executable, "-c", _KILLED_WRITER, *(str(tmp_path / name) for name in names)]
    assert subprocess.run(command, cwd=_ROOT, check=False).returncode == 9
    stays = _left(tmp_path, hidden_name("report.html"), 2 * _DAY_S)  # of a report that is being written
    assert len(os.listdir(tmp_path)) == 3
    for name in names:
        write_text(tmp_path / name, "whole")
    assert {path.name for path in tmp_path.iterdir()} == {*names, stays.name}


def test_leftovers_that_cannot_be_looked_at_stop_nobody(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "nowhere" / "x")
    (tmp_path / ".x.61ee8756.tmp").symlink_to(tmp_path / "gone")
    remove_leftovers(tmp_path / "x")
