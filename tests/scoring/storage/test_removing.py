"""Google's and Azure's buckets, which answer 404 to who removes what is not there, and servers that remove nothing.

Of Amazon's kind there is one here that does not know how to; tests/buckets.py has one that does.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from scoring.errors import BucketError
from scoring.run.folder import RunFolder
from scoring.run.holding import hold_folder, remove_earlier_run
from scoring.storage import retrying
from scoring.storage.durable import remove_file, remove_tree, write_text
from scoring.storage.locations import Url
from tests.local_server import serving

_TOLD = {"ETag": '"1"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT", "x-goog-generation": "1"}
_ROWS = {
    "gs": "<Contents><Key>{0}</Key><LastModified>2015-10-21T07:28:00.000Z</LastModified><ETag>1</ETag><Size>1</Size>"
    "</Contents>",
    "az": "<Blob><Name>{0}</Name><Properties><Last-Modified>Wed, 21 Oct 2015 07:28:00 GMT</Last-Modified><Etag>1</Etag>"
    "<Content-Length>1</Content-Length><Content-Type>x</Content-Type></Properties></Blob>",
}
_ROWS["s3"] = _ROWS["gs"]
_LISTS = {
    "gs": "<ListBucketResult><KeyCount>1</KeyCount><IsTruncated>false</IsTruncated>{}</ListBucketResult>",
    "az": "<EnumerationResults><Blobs>{}</Blobs></EnumerationResults>",
}
_LISTS["s3"] = _LISTS["gs"]
_MISSING = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"


@dataclass
class _Store:
    """What is stored, by keys.

    Attributes:
        scheme: Whose protocol it speaks.
        stored: Contents.
        vanishing: Keys that are gone by the time that they are to be removed, though lists name them and a look finds
            them.
        staying: Keys that are not removed, though the answer is as if they were.
        num_lost: How many of the next requests to remove are done, and their connections closed without an answer.
        num_removals: How many requests to remove there were.
    """

    scheme: str
    stored: dict[str, bytes] = field(default_factory=dict)
    vanishing: set[str] = field(default_factory=set)
    staying: set[str] = field(default_factory=set)
    num_lost: int = 0
    num_removals: int = 0

    def remove(self, key: str) -> bool:
        """Whether it was there."""
        is_there = key in self.stored and key not in self.vanishing
        if key not in self.staying:
            self.stored.pop(key, None)
        return is_there


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, store: _Store, *arguments: object) -> None:
        self._store = store
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        key = self._key()
        if not key:
            prefix = parse_qs(urlsplit(self.path).query).get("prefix", [""])[0]
            rows = (_ROWS[self._store.scheme].format(name) for name in sorted(self._store.stored))
            listed = "".join(row for row in rows if prefix in row)
            self._send(200, _LISTS[self._store.scheme].format(listed).encode())
        elif key in self._store.stored:
            self._send_content(self._store.stored[key])
        else:
            self._send(404, _MISSING)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self._store.stored[self._key()] = self.rfile.read(int(self.headers["Content-Length"]))
        self._send(201 if self._store.scheme == "az" else 200, b"")

    def do_DELETE(self) -> None:
        is_there = self._store.remove(self._key())
        if not self._is_lost():
            self._send(204 if is_there else 404, b"" if is_there else _MISSING)

    def do_POST(self) -> None:
        """Azure's, of several at once; see "Blob Batch" in Microsoft's reference. Amazon's is not known."""
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self._store.scheme == "s3":
            self._send(404, b"404 page not found")
            return
        answers = []
        for number, path in enumerate(re.findall(r"^DELETE (\S+) HTTP", asked, re.MULTILINE)):
            is_there = self._store.remove(self._key(path))
            status = "202 Accepted" if is_there else "404 The specified blob does not exist."
            answers.append(f"Content-Type: application/http\r\nContent-ID: {number}\r\n\r\nHTTP/1.1 {status}\r\n\r\n")
        body = "".join(f"--one\r\n{answer}\r\n" for answer in answers) + "--one--\r\n"
        if not self._is_lost():
            self._send(202, body.encode(), {"Content-Type": "multipart/mixed; boundary=one"})

    def _is_lost(self) -> bool:
        self._store.num_removals += 1
        if not self._store.num_lost:
            return False
        self._store.num_lost -= 1
        self.close_connection = True
        return True

    def _key(self, path: str = "") -> str:
        return unquote(urlsplit(path or self.path).path).lstrip("/").partition("/")[2]

    def _send_content(self, content: bytes) -> None:
        if "Range" in self.headers:
            end = len(content) - 1
            self._send(206, content, {"Content-Range": f"bytes 0-{end}/{end + 1}"})
        else:
            self._send(200, content)

    def _send(self, code: int, content: bytes, more: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in {"Content-Length": str(len(content)), **_TOLD, **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture(params=["gs", "az"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Store]:
    """A store of Google's or Azure's kind, or of the one that a test names."""
    monkeypatch.setattr(retrying, "_FIRST_WAIT_S", 0.001)
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("GOOGLE_BEARER_TOKEN", "token")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    started = _Store(request.param)
    with serving(partial(_Handler, started)) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("GOOGLE_BASE_URL", address)
        monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", address)
        yield started


@pytest.fixture
def place(store: _Store) -> Url:
    """A place in it that has nothing yet."""
    return Url(store.scheme, "bucket", "run")


def test_an_object_that_is_not_there_is_removed_as_a_file_is(store: _Store, place: Url) -> None:
    (place / "none").unlink(missing_ok=True)
    remove_file(place / "none")
    with pytest.raises(FileNotFoundError):
        (place / "none").unlink()
    store.stored["run/gone"], store.vanishing = b"1", {"run/gone"}
    (place / "gone").unlink()
    assert not store.stored


def test_an_object_whose_removal_was_not_answered_is_gone(store: _Store, place: Url) -> None:
    store.stored["run/model.keras"], store.num_lost = b"1", 2
    (place / "model.keras").unlink()
    assert not store.stored
    assert store.num_removals == 3


def test_a_prefix_is_removed_though_some_of_it_is_gone_or_is_a_folders_mark(store: _Store, place: Url) -> None:
    store.stored |= {f"run/predictions/shard-{number:05}": b"1" for number in range(600)} | {"run/predictions2": b"1"}
    store.vanishing = {f"run/predictions/shard-{number:05}" for number in (0, 7, 599)}
    store.stored["run/predictions/"] = b"1"
    remove_tree(place / "predictions")
    assert set(store.stored) <= {"run/predictions2", "run/predictions/"}


def test_a_prefix_whose_removal_was_not_answered_is_gone(store: _Store, place: Url) -> None:
    store.stored |= {f"run/predictions/shard-{number:05}": b"1" for number in range(20)}
    store.num_lost = 2
    remove_tree(place / "predictions")
    remove_tree(place / "predictions")
    assert not store.stored


def test_an_earlier_run_of_which_most_is_not_there_makes_way(store: _Store, place: Url) -> None:
    folder = RunFolder(place)
    write_text(folder.record, "{}")
    for number in range(3):
        write_text(folder.shard(number, 3), "rows")
    with hold_folder(folder) as lease:
        remove_earlier_run(folder, lease.fence)
        assert set(store.stored) == {"run/lease.json"}
    assert not store.stored


@pytest.mark.parametrize("is_answered_well", [True, False])
def test_what_stays_behind_a_folders_mark_though_the_store_says_otherwise_is_told(
    store: _Store, place: Url, is_answered_well: bool
) -> None:
    stays = {"run/predictions/shard-00007", "run/predictions/shard-00003"}
    store.stored |= dict.fromkeys([*stays, "run/predictions/", "run/predictions/shard-00001"], b"1")
    store.staying = {*stays}
    store.vanishing = set() if is_answered_well else {*stays}
    with pytest.raises(BucketError, match=r"predictions/shard-0000[37] is still there"):
        remove_tree(place / "predictions")
    assert "run/predictions/shard-00001" not in store.stored


@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_a_server_of_amazons_kind_that_says_404_has_removed_nothing(store: _Store, place: Url) -> None:
    store.stored["run/predictions/shard-00001"] = b"1"
    for remove in (remove_tree, remove_file):
        with pytest.raises(FileNotFoundError, match="no such object or bucket"):
            remove(place / "predictions")
    with pytest.raises(FileNotFoundError):
        (place / "predictions" / "shard-00001").unlink()
    assert store.stored
