"""A few words of Azure's protocol, answered on this machine."""

from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from typing import ClassVar
from urllib.parse import unquote

import pytest

from scoring.errors import ImageError, UnreachableError
from scoring.sources.as_listed import open_as_listed
from scoring.sources.inputs import find_images, open_images
from scoring.storage.durable import whole_file
from scoring.storage.locations import Url, locate
from tests.local_server import serving

_STAMP = "Wed, 21 Oct 2015 07:28:00 GMT"
_CONTAINER = "/photos/"


class _Azure(BaseHTTPRequestHandler):
    blobs: ClassVar[dict[str, bytes]] = {}

    def do_PUT(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.blobs[unquote(self.path).removeprefix(_CONTAINER)] = content
        self._send(201, b"")

    def do_GET(self) -> None:
        path, _, query = unquote(self.path).partition("?")
        name = path.removeprefix(_CONTAINER)
        if "comp=list" in query:
            rows = "".join(map(self._row, self.blobs))
            self._send(200, f"<EnumerationResults><Blobs>{rows}</Blobs></EnumerationResults>".encode())
        else:
            self._send(200 if name in self.blobs else 404, self.blobs.get(name, b""))

    def do_HEAD(self) -> None:
        self.do_GET()

    def _row(self, name: str) -> str:
        return (
            f"<Blob><Name>{name}</Name><Properties><Last-Modified>{_STAMP}</Last-Modified><Etag>1</Etag>"
            f"<Content-Length>{len(self.blobs[name])}</Content-Length><Content-Type>image/jpeg</Content-Type>"
            "</Properties></Blob>"
        )

    def _send(self, code: int, content: bytes) -> None:
        self.send_response(code)
        for name, value in (("Content-Length", str(len(content))), ("ETag", '"1"'), ("Last-Modified", _STAMP)):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Url]:
    """An empty prefix in a container."""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    _Azure.blobs.clear()
    prefix = locate("az://photos/train")
    assert isinstance(prefix, Url)
    with serving(_Azure) as address:
        monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", address)
        yield prefix


def test_azure_container_is_read_listed_and_written_by_the_same_code(azure: Url) -> None:
    with whole_file(azure / "1 a.jpg") as temporary:
        temporary.write_bytes(b"content")
    assert _Azure.blobs == {"train/1 a.jpg": b"content"}
    assert list(azure.objects()) == [("1 a.jpg", 7)]
    (image,) = find_images(azure).images
    assert open_images(azure)(image) == b"content"
    assert open_as_listed(azure)(image) == b"content"  # lists leave out the quotes of an ETag
    with pytest.raises(ImageError, match="it has changed since it was listed"):
        open_as_listed(azure)(replace(image, stamp=1))
    with pytest.raises(FileNotFoundError):
        (azure / "2.jpg").read_bytes()


def test_a_container_without_an_account_is_told_by_the_variable_that_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_ACCOUNT_NAME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UnreachableError, match=r"^az://photos: no account: AZURE_STORAGE_ACCOUNT_NAME is not set"):
        Url("az", "photos", "train").read_bytes()
