import errno
import hashlib
import http.server
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pooch
import pytest

from scoring.errors import DownloadError, StorageError
from scoring.networks import conversions
from scoring.networks.hubs import hub_model
from scoring.storage.downloads import (
    cache_folder,
    fetch,
    file_digest,
    local_copy,
    made_once,
    once_per_content,
    one_at_a_time,
)
from scoring.storage.locations import Url
from tests.faults import fail, system_fault
from tests.local_server import serving
from tests.source_tree import ROOT

_CONTENT = b"weights " * 200_000
_CHECKSUM = "md5:" + hashlib.md5(_CONTENT).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    requests: list[str]

    def do_GET(self) -> None:
        self.requests.append(self.path)
        name = self.path.partition("?")[0]
        found = name != "/gone.h5"
        self.send_response(200 if found else 404)
        self.end_headers()
        if found:
            self.wfile.write(_CONTENT[: len(_CONTENT) // 2] if name == "/half.h5" else _CONTENT)

    def log_message(self, *arguments: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """The address of a local HTTP server, and the paths asked of it."""
    requests: list[str] = []
    handler = type("Handler", (_Handler,), {"requests": requests})
    with serving(handler) as address:
        yield address, requests


def test_file_is_downloaded_once_and_then_found(server: tuple[str, list[str]], tmp_path: Path) -> None:
    address, requests = server
    for _ in range(2):
        path = fetch(f"{address}/vgg16.h5", tmp_path / "models" / "vgg16.h5", _CHECKSUM)
        assert path.read_bytes() == _CONTENT
    assert requests == ["/vgg16.h5"]
    (tmp_path / "usual").touch()
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode, "others of a shared cache read it too"


def test_processes_that_race_for_a_file_download_it_once(server: tuple[str, list[str]], tmp_path: Path) -> None:
    address, requests = server
    context = multiprocessing.get_context("spawn")
    arguments = (f"{address}/vgg16.h5", tmp_path / "vgg16.h5", _CHECKSUM)
    processes = [context.Process(target=fetch, args=arguments) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert requests == ["/vgg16.h5"]


def test_half_a_file_never_gets_its_name(server: tuple[str, list[str]], tmp_path: Path) -> None:
    address, _ = server
    with pytest.raises(DownloadError, match="checksum is not md5:"):
        fetch(f"{address}/half.h5", tmp_path / "half.h5", _CHECKSUM)
    assert not list(tmp_path.glob("[!.]*"))


def test_damaged_file_in_the_cache_is_replaced(server: tuple[str, list[str]], tmp_path: Path) -> None:
    address, _ = server
    (tmp_path / "vgg16.h5").write_bytes(b"half")
    assert fetch(f"{address}/vgg16.h5", tmp_path / "vgg16.h5", _CHECKSUM).read_bytes() == _CONTENT


def test_missing_file_is_a_download_error(server: tuple[str, list[str]], tmp_path: Path) -> None:
    address, _ = server
    with pytest.raises(DownloadError, match="404"):
        fetch(f"{address}/gone.h5", tmp_path / "gone.h5", _CHECKSUM)


@pytest.mark.parametrize("path", ["gone.h5", "half.h5"])
def test_a_signed_url_is_not_shown(server: tuple[str, list[str]], tmp_path: Path, path: str) -> None:
    address, _ = server
    signed = f"{address.replace('//', '//user:PASSWORD@')}/{path}?X-Amz-Signature=PASSWORD"
    with pytest.raises(DownloadError) as raised:
        fetch(signed, tmp_path / "x.h5", _CHECKSUM)
    assert "PASSWORD" not in str(raised.value)


def test_no_server_is_a_download_error(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="no connection"):
        fetch("http://127.0.0.1:9/vgg16.h5", tmp_path / "vgg16.h5", _CHECKSUM)


def test_object_is_downloaded_once_for_each_of_its_versions(
    bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    downloads: list[Url] = []
    download = Url.download

    def spy(url: Url, path: Path, seen: Mapping[str, Any]) -> None:
        downloads.append(url)
        download(url, path, seen)

    monkeypatch.setattr(Url, "download", spy)
    url = bucket / "models" / "vgg16.weights.h5"
    url.write_bytes(b"first")
    with ThreadPoolExecutor(8) as threads:
        copies = set(threads.map(local_copy, [url] * 8))
    (copy,) = copies
    assert (copy.name, copy.read_bytes(), len(downloads)) == ("vgg16.weights.h5", b"first", 1)
    url.write_bytes(b"second")
    assert local_copy(url).read_bytes() == b"second"
    assert len(downloads) == 2
    assert local_copy(tmp_path / "here.h5") == tmp_path / "here.h5"
    with pytest.raises(DownloadError, match="there is no such object"):
        local_copy(bucket / "nothing.h5")


def test_object_that_is_replaced_before_its_download_is_not_kept_as_the_former_one(
    bucket: Url, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    url, download = bucket / "vgg16.weights.h5", Url.download
    url.write_bytes(b"first")

    def replaced(url: Url, path: Path, seen: Mapping[str, Any]) -> None:
        monkeypatch.undo()
        url.write_bytes(b"second")
        download(url, path, seen)

    with monkeypatch.context() as once:
        once.setattr(Url, "download", replaced)
        once.setattr(monkeypatch, "undo", once.undo)
        assert local_copy(url).read_bytes() == b"second"
    url.write_bytes(b"first")
    assert local_copy(url).read_bytes() == b"first"


def test_cache_that_cannot_be_made_is_told_in_one_line_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", "/dev/null/cache")
    makers: list[Callable[[], object]] = [
        lambda: fetch("http://127.0.0.1:9/x.h5", cache_folder() / "x.h5", _CHECKSUM),
        lambda: made_once("x", "x.h5", Path.touch),
        lambda: hub_model.pack("x", Path),
        lambda: hub_model.fetched_by_one("x").__enter__(),
        conversions.made_once(cache_folder() / "x").__enter__,
    ]
    for make in makers:
        with pytest.raises(StorageError, match=r"^Cannot write /dev/null/cache/\S*: Not a directory\..* KERAS_HOME\.$"):
            make()


def test_file_in_the_cache_that_cannot_be_locked_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / ".x.h5.lock").mkdir()
    with pytest.raises(StorageError, match=r"Cannot write .*/x\.h5: Is a directory\."):
        fetch("http://127.0.0.1:9/x.h5", tmp_path / "x.h5", _CHECKSUM)


_FIND = """
import sys
from pathlib import Path
from scoring.networks.hubs import hub_model
from scoring.storage.downloads import cache_folder, fetch, made_once, one_at_a_time
def make(*_): raise SystemExit("made again")
found = {
    "download": lambda: fetch("http://127.0.0.1:9/x.h5", cache_folder() / "models" / "x.h5", sys.argv[2]),
    "copy": lambda: made_once("x", "x.h5", make),
    "model of a hub": lambda: hub_model.pack("x", make),
    "lock": lambda: one_at_a_time(cache_folder() / "lock").__enter__() or cache_folder(),
}[sys.argv[1]]()
assert found.exists()
"""


_READS = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")  # a checkout in root's home
_ANOTHER = ("--reuid=65534", "--regid=65534", "--clear-groups", *_READS)
_BOUND = ("--bounding-set=-dac_override,-dac_read_search",)  # by the modes of its own files, too


def _find_as_another(cache: Path, what: str, rights: Sequence[str] = _ANOTHER) -> "subprocess.CompletedProcess[str]":
    """Have a user who owns nothing there, or who has other rights, look for a file in a cache."""
    if os.geteuid() or not shutil.which("setpriv"):
        pytest.skip("needs root's right to be another user, and setpriv")
    command = ["setpriv", *rights, sys.executable, "-c", _FIND, what, _CHECKSUM]
    environment = {**os.environ, "KERAS_HOME": str(cache), "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("what", ["download", "copy", "model of a hub"])
def test_what_is_right_in_a_cache_that_may_only_be_read_is_used(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "x.h5").write_bytes(_CONTENT)
    made_once("x", "x.h5", Path.touch)
    part = tmp_path / "part"
    part.touch()
    hub_model.pack("x", lambda _: part)
    before = sorted(tmp_path.rglob("*"))
    found = _find_as_another(tmp_path, what)
    assert (found.returncode, found.stderr) == (0, "")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("what", "folder"), [("download", "models"), ("copy", "shardscore"), ("model of a hub", "shardscore")]
)
def test_cache_that_another_user_has_closed_is_told_with_what_to_do(tmp_path: Path, what: str, folder: str) -> None:
    (tmp_path / folder).mkdir(0o000)
    found = _find_as_another(tmp_path, what, _BOUND)
    told = rf"StorageError: Cannot write {tmp_path}/{folder}/\S*: Permission denied\. Name another .* KERAS_HOME\.$"
    assert re.search(told, found.stderr.strip())


def test_what_one_user_has_locked_in_a_shared_cache_another_may_lock_then(tmp_path: Path) -> None:
    with one_at_a_time(tmp_path / "lock"):
        tmp_path.chmod(0o777)
    found = _find_as_another(tmp_path, "lock")
    assert (found.returncode, found.stderr) == (0, "")


def test_file_in_the_cache_that_cannot_be_read_is_downloaded_again(
    server: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, requests = server
    (tmp_path / "vgg16.h5").write_bytes(_CONTENT)
    fail(monkeypatch, pooch, "file_hash", tmp_path / "vgg16.h5", system_fault(errno.EIO))
    assert fetch(f"{address}/vgg16.h5", tmp_path / "vgg16.h5", _CHECKSUM).read_bytes() == _CONTENT
    assert requests == ["/vgg16.h5"]


def test_user_without_a_home_needs_a_folder_by_name_for_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)  # a user of whom the system knows nothing
    with pytest.raises(StorageError, match=r"^Expected a home folder .*; this user has none\. .* KERAS_HOME\.$"):
        cache_folder()
    monkeypatch.setenv("KERAS_HOME", "/cache")
    assert cache_folder() == Path("/cache")


def test_a_digest_is_taken_again_only_where_the_file_was_written_to_or_replaced(tmp_path: Path) -> None:
    asked: list[str] = []

    def digest(path: Path) -> str:
        asked.append(file_digest(path))
        return asked[-1]

    path, once = tmp_path / "vgg16.h5", once_per_content(digest)
    path.write_bytes(b"first")
    assert [once(path), once(path)] == [file_digest(path)] * 2
    assert len(asked) == 1
    new = tmp_path / "new.h5"
    new.write_bytes(b"other")  # as long as the first one
    os.utime(new, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    new.replace(path)
    assert once(path) == file_digest(path)
    with pytest.raises(FileNotFoundError):
        once(tmp_path / "gone.h5")
