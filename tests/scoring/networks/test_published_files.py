import base64
import hashlib
import http.server
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scoring.errors import DownloadError, ModelError
from scoring.networks.base_networks import base_of
from scoring.networks.base_request import BaseRequest
from scoring.networks.keras_names import local_keras_file
from scoring.networks.published_files import PublishedFile, weights_file
from tests.local_server import serving
from tests.object_server import serving_objects

_CONTENT = b"weights"
_MD5 = hashlib.md5(_CONTENT).digest()


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers as Google's storage does; /broken.h5 states another checksum than it sends."""

    asked: list[str]

    def do_HEAD(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        self.send_response(404 if self.path == "/gone.h5" else 200)
        if self.path != "/unstated.h5":
            digest = hashlib.md5(b"other").digest() if self.path == "/broken.h5" else _MD5
            self.send_header("x-goog-hash", "crc32c=AAAAAA==")
            self.send_header("x-goog-hash", f"md5={base64.b64encode(digest).decode()}")
        self.send_header("Content-Length", str(len(_CONTENT)))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(_CONTENT)

    def log_message(self, *arguments: object) -> None:
        return


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """A server's address and what it is asked; Keras' cache is empty."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    asked: list[str] = []
    handler = type("Handler", (_Handler,), {"asked": asked})
    with serving(handler) as address:
        yield address, asked


def test_file_is_fetched_once_under_the_name_that_keras_gives_it(server: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = server
    file = PublishedFile(f"{address}/NASNet-mobile.h5", f"md5:{_MD5.hex()}", "nasnet_mobile.h5")
    for _ in range(2):
        assert file.fetch() == tmp_path / "models" / "nasnet_mobile.h5"
    assert asked == ["GET /NASNet-mobile.h5"]


def test_file_without_a_published_checksum_is_checked_by_its_servers(
    server: tuple[str, list[str]], tmp_path: Path
) -> None:
    address, asked = server
    file = PublishedFile(f"{address}/mobilenet.h5", None, "mobilenet.h5")
    for _ in range(2):
        assert file.fetch().read_bytes() == _CONTENT
    assert asked == ["HEAD /mobilenet.h5", "GET /mobilenet.h5"]
    with pytest.raises(DownloadError, match="its checksum is not md5:"):
        replace(file, url=f"{address}/broken.h5", name="broken.h5").fetch()
    assert not (tmp_path / "models" / "broken.h5").exists()


@pytest.mark.parametrize(
    ("url", "checksum", "message"),
    [
        ("/unstated.h5", None, "neither Keras nor the server states a checksum"),
        ("/gone.h5", None, "404"),
        ("/gone.h5", f"md5:{_MD5.hex()}", "404"),
        ("http://127.0.0.1:9/m.h5", None, "no connection"),
        ("http://127.0.0.1:9/m.h5", f"md5:{_MD5.hex()}", "no connection"),
    ],
)
def test_what_cannot_be_had_can_be_passed_as_a_file(
    server: tuple[str, list[str]], url: str, checksum: str | None, message: str
) -> None:
    address, _ = server
    with pytest.raises(DownloadError, match=message) as refused:
        PublishedFile(url if url.startswith("http") else address + url, checksum, "m.h5").fetch()
    assert str(refused.value).endswith("Fetch the file by other means and name it as `weights`.")


@pytest.mark.parametrize("name", ["net.weights.json", "net.H5", "net.pth", "net"])
def test_weights_that_are_not_one_file_of_keras_are_refused_wherever_they_are_named(tmp_path: Path, name: str) -> None:
    """The digest of `.weights.json` would not tell of the files that it lists."""
    weights = tmp_path / name
    weights.write_bytes(_CONTENT)
    bases = [base_of(BaseRequest(model, str(weights))) for model in ("vgg16", "vgg16-convolutions", "resnet50")]
    told = rf"Expected `weights` to be one \.h5, \.hdf5 or \.keras file; received .*{name}\. Save them whole"
    for base in bases:
        with pytest.raises(ModelError, match=told):
            base.check()
        with pytest.raises(ModelError, match=told):
            base.digest()


@pytest.mark.parametrize("name", ["net.weights.h5", "net.h5", "net.hdf5", "net.keras"])
def test_weights_of_one_file_are_told_apart_by_their_content(tmp_path: Path, name: str) -> None:
    base = base_of(BaseRequest("resnet50", str(tmp_path / name)))
    digests = set()
    for content in (_CONTENT, b"others"):
        (tmp_path / name).write_bytes(content)
        base.check()
        digests.add(base.digest())
    assert len(digests) == 2


def _archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", _CONTENT)
    return content.getvalue()


def _weights(name: str) -> Path:
    return weights_file(name, PublishedFile("http://127.0.0.1:9/x.h5", "md5:x", "x.h5"))


@pytest.mark.parametrize(
    ("name", "fetch", "content"),
    [
        ("net.keras", local_keras_file, _archive()),
        ("net.keras", _weights, _archive()),
        ("net.weights.h5", _weights, b"\x89HDF\r\n\x1a\n" + _CONTENT),
    ],
    ids=["model", "weights-keras", "weights-h5"],
)
def test_a_copy_that_is_not_what_its_name_says_is_not_kept(
    name: str, fetch: Callable[[str], Path], content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with serving_objects(monkeypatch) as server:
        server.stored[name] = content, 1_700_000_000
        server.first = [lambda content: (200, server.about(name), bytes(len(content)))]
        with pytest.raises(ModelError, match=rf"s3://bucket/{name} .*damaged") as refused:
            fetch(f"s3://bucket/{name}")
        assert str(tmp_path) not in str(refused.value)
        assert fetch(f"s3://bucket/{name}").read_bytes() == content
        assert fetch(f"s3://bucket/{name}").is_relative_to(tmp_path)
        assert len(server.first) == 0
        assert server.requests.count(("GET", name)) == 2
