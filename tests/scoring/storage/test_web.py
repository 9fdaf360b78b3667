import errno
import gzip
import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from requests.adapters import HTTPAdapter
from urllib3.response import HTTPResponse

from scoring.errors import BucketError, ImageError, RequestError, TooLargeError, UnreachableError
from scoring.sources.inputs import find_images, open_images
from scoring.storage import bucket_clients, web
from scoring.storage.doubtful_bytes import DoubtfulBytes
from scoring.storage.locations import locate
from scoring.storage.reach import may_be_readable_later
from scoring.storage.web import WebUrl, web_url
from tests.certificates import certified
from tests.chaos.without_ray import score_here
from tests.local_server import serving
from tests.runs import read_predictions


def _answer(status: str, body: bytes = b"", **headers: str) -> bytes:
    """What goes over the wire."""
    lines = (f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status}\r\n{''.join(lines)}\r\n".encode("latin-1") + body


def _sized(status: str, body: bytes = b"", **headers: str) -> bytes:
    return _answer(status, body, Content_Length=str(len(body)), **headers)


_PAGE, _PHOTO, _PACKED = b"<html>Please log in</html>", b"photo", gzip.compress(b"photo of a cat" * 9)
_JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"  # and no more
_SAID = {
    "/accepted": _sized("202 Accepted"),
    "/empty": _answer("204 No Content"),
    "/part": _sized("206 Partial Content", b"pho", Content_Range="bytes 0-2/5"),
    "/choices": _sized("300 Multiple Choices", _PAGE),
    "/nowhere": _sized("302 Found", _PAGE),
    "/not-modified": _answer("304 Not Modified"),
    "/hints": _answer("103 Early Hints") + _sized("200 OK", _PHOTO),
    "/odd": _sized("999 Request denied"),
    "/to-no-address": _sized("301 Moved", Location="http://[bad/x"),
    "/to-no-port": _sized("301 Moved", Location="http://127.0.0.1:99999/x"),
    "/to-ftp": _sized("301 Moved", Location="ftp://host/x"),
    "/to-latin": _sized("301 Moved", Location="/\xe9"),
    "/to-no-host": _sized("301 Moved", Location="http://.host/x"),
    "/not-packed": _sized("200 OK", _PHOTO, Content_Encoding="gzip"),
    "/of-two-sizes": _answer("200 OK", _PHOTO, Content_Length="5, 6"),
    "/elsewhere": _sized("203 Non-Authoritative Information", _PHOTO),
    "/all-parts": _sized("206 Partial Content", _PHOTO, Content_Range="bytes 0-4/5"),
    "/page": _sized("200 OK", _PAGE, Content_Type="text/html; charset=utf-8"),
    "/page-as-photo": _sized("200 OK", b"\n<!doctype html>" + _PAGE, Content_Type="image/jpeg"),
    "/login": _sized("302 Found", Location="/page"),
    "/json": _sized("200 OK", b"{}", Content_Type="application/problem+json"),
    "/to-nothing": _sized("302 Found", Location="/of-no-type"),
    "/of-no-type": _sized("200 OK", _PHOTO),
    "/to-photo": _sized("302 Found", Location="/photo"),
    "/photo": _sized("200 OK", _PHOTO, Content_Type="image/jpeg"),
    "/drawing": _sized("200 OK", b"<svg/>", Content_Type="image/svg+xml"),
    "/until-closed": _answer("200 OK", _PHOTO),
    "/in-chunks": _answer("200 OK", b"5\r\nphoto\r\n0\r\n\r\n", Transfer_Encoding="chunked"),
    "/packed": _sized("200 OK", _PACKED, Content_Encoding="gzip"),
    **{
        f"/packed-as-{name}": _sized("200 OK", _PHOTO, Content_Encoding=name)
        for name in ("identity", "none", "binary", "aws-chunked", "UTF-8")
    },
    "/all-of-parts": _sized("206 Partial Content", _PHOTO, Content_Range="Bytes 0-4/5"),
    "/first-parts": _sized("206 Partial Content", b"pho", Content_Range="bytes 0-2/*"),
    "/last-parts": _sized("206 Partial Content", b"oto", Content_Range="bytes 2-4/5"),
    "/middle-parts": _sized("206 Partial Content", b"oto", Content_Range="bytes 2-4/*"),
    "/parts": _sized("206 Partial Content", _PHOTO),
    **{
        f"/jpeg-as-{number}": _sized("200 OK", _JPEG, Content_Type=kind)
        for number, kind in enumerate(("text/plain", "text/html", "application/json", "multipart/form-data"))
    },
    "/to-jpeg": _sized("302 Found", Location="/jpeg"),
    "/jpeg": _sized("200 OK", _JPEG, Content_Type="application/binary"),
    "/page-of-wide-letters": _sized("200 OK", _PAGE.decode().encode("utf-16"), Content_Type="text/html"),
}


class _Server(BaseHTTPRequestHandler):
    """Answers by what it is asked for."""

    asked: list[str]
    failures: int
    ended: threading.Event

    def do_GET(self) -> None:
        self.asked.append(self.requestline.split()[1])  # Python takes slashes off the path
        name = self.path.partition("?")[0]
        if name in _SAID:
            self.wfile.write(_SAID[name])
            self.close_connection = True
            return
        code, content = 200, b"photo of " + self.path.encode()
        if other := {"/moved.jpg": "/1.jpg", "/circle.jpg": "/circle.jpg"}.get(name):
            self.send_response(302)
            self.send_header("Location", other)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if name == "/busy.jpg" and type(self).failures:
            type(self).failures -= 1
            code = 503
        if name == "/never.jpg":
            type(self).ended.wait(20)
            return
        if name == "/drips.jpg":
            self._drip()
            return
        code = {"/gone.jpg": 404, "/never_again.jpg": 410, "/secret.jpg": 403, "/ill.jpg": 500}.get(name, code)
        if busy := re.fullmatch(r"/busy-(\d+)\.jpg", name):
            code = int(busy[1])
        self.send_response(code)
        if later := re.search(r"later=(.+)", self.path):
            self.send_header("Retry-After", later[1])
        self.send_header("Content-Length", str(len(content) + (100 if name in ("/short.jpg", "/stops.jpg") else 0)))
        self.end_headers()
        self.wfile.write(content)
        if name == "/stops.jpg":
            type(self).ended.wait(20)

    def _drip(self) -> None:
        """Send a byte now and then."""
        self.send_response(200)
        self.end_headers()
        while not type(self).ended.wait(0.05):
            self.wfile.write(b"x" * 1000)
            self.wfile.flush()

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server on this machine."""
    monkeypatch.setattr(web, "_FIRST_WAIT_S", 0.001)
    web._session.cache_clear()
    _Server.asked, _Server.failures, _Server.ended = [], 2, threading.Event()
    with serving(_Server) as address:
        yield address
        _Server.ended.set()
    web._session().close()
    web._session.cache_clear()


def _read(text: str, limit: int = 1000) -> bytes:
    url = web_url(text)
    assert url is not None
    return url.read_limited(limit)


def test_file_is_read_with_its_query_through_redirects_and_when_the_server_is_busy_for_a_moment(server: str) -> None:
    assert _read(f"{server}/1.jpg?sig=a%2Fb") == b"photo of /1.jpg?sig=a%2Fb"
    assert _read(f"{server}/moved.jpg") == b"photo of /1.jpg"
    assert _read(f"{server}/busy.jpg") == b"photo of /busy.jpg"
    assert _Server.asked.count("/busy.jpg") == 3


@pytest.mark.parametrize(
    ("name", "kind", "number", "reason"),
    [
        ("gone.jpg", FileNotFoundError, errno.ENOENT, "no such file: HTTP 404"),
        ("never_again.jpg", BucketError, None, "the server answers HTTP 410"),
        ("secret.jpg", BucketError, errno.EACCES, "the server answers HTTP 403"),
        ("circle.jpg", BucketError, errno.EREMOTEIO, "TooManyRedirects"),
        ("ill.jpg", BucketError, errno.EREMOTEIO, "the server answers HTTP 500"),
        ("short.jpg", BucketError, errno.EREMOTEIO, "the server ends its answer early"),
    ],
)
def test_file_that_cannot_be_read_says_why_and_repeats_no_signature(
    server: str, name: str, kind: type[OSError], number: int | None, reason: str
) -> None:
    with pytest.raises(kind, match=reason) as refused:
        _read(f"{server}/{name}?sig=secret")
    assert refused.value.errno == number
    assert "sig" not in str(refused.value)


def test_patience_of_many_years_is_no_longer_than_a_socket_takes(server: str) -> None:
    assert _located(f"{server}/1.jpg").read_limited(1000, limit_s=1e9) == b"photo of /1.jpg"


@pytest.mark.parametrize("code", [408, 425, 429, 503, 507, 509, 520, 522, 530])
def test_answer_that_may_be_another_one_later_is_asked_for_again_and_told_as_such(server: str, code: int) -> None:
    with pytest.raises(BucketError, match=f"the server answers HTTP {code}") as refused:
        _read(f"{server}/busy-{code}.jpg")
    assert refused.value.errno == errno.EREMOTEIO
    assert len(_Server.asked) == 1 + web._ATTEMPTS


@pytest.mark.parametrize("code", [401, 403, 407, 423, 451])
def test_answer_that_refuses_a_file_is_asked_for_once_and_tried_again_by_the_next_run(server: str, code: int) -> None:
    with pytest.raises(BucketError, match=f"the server answers HTTP {code}") as refused:
        _read(f"{server}/busy-{code}.jpg")
    assert may_be_readable_later(refused.value)
    assert len(_Server.asked) == 1


def test_answer_that_ends_early_is_no_whole_one_with_an_urllib3_that_does_not_look(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As before urllib3 2."""
    made = HTTPResponse.__init__
    as_before = lambda *arguments, **options: made(*arguments, **options | {"enforce_content_length": False})  # noqa: E731
    monkeypatch.setattr(HTTPResponse, "__init__", as_before)
    with pytest.raises(BucketError, match="the server ends its answer early"):
        _read(f"{server}/short.jpg")


@pytest.mark.parametrize("code", [400, 410, 418, 501, 505])
def test_answer_that_stays_as_it_is_is_asked_for_once(server: str, code: int) -> None:
    with pytest.raises(BucketError, match=f"the server answers HTTP {code}") as refused:
        _read(f"{server}/busy-{code}.jpg")
    assert refused.value.errno is None
    assert len(_Server.asked) == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("accepted", "the server answers HTTP 202"),
        ("empty", "the server answers HTTP 204"),
        ("part", "the server answers HTTP 206"),
        ("last-parts", "the server answers HTTP 206"),
        ("middle-parts", "the server answers HTTP 206"),
        ("choices", "the server answers HTTP 300"),
        ("nowhere", "the server answers HTTP 302"),
        ("not-modified", "the server answers HTTP 304"),
        ("hints", "the server answers HTTP 103"),
        ("odd", "the server answers HTTP 999"),
        ("to-no-address", "the server sends to an address that cannot be asked for"),
        ("to-no-port", "the server sends to an address that cannot be asked for"),
        ("to-ftp", "the server sends to an address that cannot be asked for"),
        ("to-latin", "the server sends to an address that cannot be asked for"),
        ("to-no-host", "the server sends to an address that cannot be asked for"),
        ("not-packed", "ContentDecodingError"),
        ("of-two-sizes", "InvalidHeader"),
    ],
)
def test_answer_without_the_file_is_no_photo_and_may_be_one_at_another_time(
    server: str, name: str, reason: str
) -> None:
    with pytest.raises(BucketError, match=reason) as refused:
        _read(f"{server}/{name}")
    assert may_be_readable_later(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        *("elsewhere", "all-parts", "all-of-parts", "of-no-type", "photo", "to-photo", "drawing", "in-chunks"),
        *(f"packed-as-{name}" for name in ("identity", "none", "binary", "aws-chunked", "UTF-8")),
        *("jpeg-as-0", "jpeg-as-1", "jpeg-as-2", "jpeg-as-3", "to-jpeg"),
    ],
)
def test_whole_file_is_beyond_doubt(server: str, name: str) -> None:
    assert type(_read(f"{server}/{name}")) is bytes


@pytest.mark.parametrize(
    ("name", "doubt"),
    [
        ("page", "the server sent what may be a page (text/html)"),
        ("page-as-photo", "the server sent what may be a page (image/jpeg)"),
        ("login", "the server sent what may be a page (text/html)"),
        ("json", "the server sent what may be a page (application/problem+json)"),
        ("page-of-wide-letters", "the server sent what may be a page (text/html)"),
        ("parts", "the server sent a part, of which it does not say that it is all"),
        ("first-parts", "the server sent a part, of which it does not say that it is all"),
        ("to-nothing", "the server sent what may be a page (of no type)"),
        ("until-closed", "the server did not tell its size, and the end may be missing"),
        ("packed", "the server sent it compressed, of which the end may be missing"),
    ],
)
def test_what_may_be_a_page_or_a_part_of_the_file_is_told(server: str, name: str, doubt: str) -> None:
    content = _read(f"{server}/{name}")
    assert isinstance(content, DoubtfulBytes)
    assert content.doubt == doubt


def test_a_table_behind_a_login_that_has_expired_is_read_again_by_the_next_run(
    server: str, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(
        pa.table({"path": [f"{server}/login", f"{server}/packed", f"{server}/drawing"]}), tmp_path / "t.parquet"
    )
    score_here(tmp_path / "t.parquet", tmp_path / "run")
    rows = read_predictions(tmp_path / "run" / "predictions").to_pylist()
    assert sorted(row["error_message"] for row in rows) == [
        "not an image in any known format",
        "temporary: the server sent it compressed, of which the end may be missing: not an image in any known format",
        "temporary: the server sent what may be a page (text/html): not an image in any known format",
    ]
    for name in ("/login", "/packed"):
        monkeypatch.setitem(_SAID, name, _sized("200 OK", (photos / "1.png").read_bytes(), Content_Type="image/png"))
    score_here(tmp_path / "t.parquet", tmp_path / "run")
    rows = read_predictions(tmp_path / "run" / "predictions").to_pylist()
    assert sorted(row["status"] for row in rows) == ["error", "ok", "ok"]


def test_path_that_begins_with_two_slashes_is_asked_for_with_both(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    as_before_2_34 = lambda _, request, proxies: f"/{request.path_url.lstrip('/')}"  # noqa: E731
    monkeypatch.setattr(HTTPAdapter, "request_url", as_before_2_34)
    _read(f"{server}//photos//1.jpg?a=b")
    assert _Server.asked == ["//photos//1.jpg?a=b"]


def test_file_above_the_limit_is_not_held(server: str) -> None:
    with pytest.raises(TooLargeError):
        _read(f"{server}/1.jpg", limit=3)


def test_server_that_is_not_there_is_told_without_the_url(server: str) -> None:
    with pytest.raises(BucketError, match="no connection to the server") as refused:
        _read("http://127.0.0.1:9/1.jpg?sig=secret")
    assert "sig" not in str(refused.value)


def test_certificate_that_is_not_trusted_is_told_at_once_by_both_clients(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    context, authority = certified(tmp_path)
    monkeypatch.setattr(_Server, "asked", [], raising=False)
    monkeypatch.setattr(bucket_clients, "_PATIENCE", timedelta(seconds=1))
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    with serving(_Server, context) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        started = time.monotonic()
        with pytest.raises(BucketError, match="not trusted; REQUESTS_CA_BUNDLE names") as refused:
            _read(f"{address}/1.jpg?sig=secret")
        assert may_be_readable_later(refused.value)
        assert time.monotonic() - started < 3
        with pytest.raises(UnreachableError, match="not trusted; SSL_CERT_FILE names"):
            locate("s3://photos/1.jpg").read_bytes()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
        assert _read(f"{address}/1.jpg") == b"photo of /1.jpg"


def test_only_urls_of_the_web_are_taken_and_none_with_credentials() -> None:
    assert web_url("photos/1.jpg") is None
    assert web_url("s3://bucket/1.jpg") is None
    with pytest.raises(RequestError, match="without credentials"):
        web_url("https://user:word@host/1.jpg")
    assert web_url("https://host/@user/1.jpg?mail=a@b") is not None


def test_table_names_images_on_the_web(server: str, tmp_path: Path) -> None:
    (tmp_path / "3.jpg").write_bytes(b"here")
    paths = [
        f"{server}/1.jpg?a=b",
        "3.jpg",
        f"{server}/gone.jpg?sig=secret",
        "https://u:p@host/4.jpg",
        "http://[x/5.jpg",
    ]
    pq.write_table(pa.table({"path": paths, "id": list("abcde")}), tmp_path / "t.parquet")
    images = {image.written: image for image in find_images(tmp_path / "t.parquet").images}
    read = open_images(tmp_path / "t.parquet")
    assert read(images[paths[0]]) == b"photo of /1.jpg?a=b"
    assert read(images[paths[1]]) == b"here"
    for path, reason in zip(paths[2:], ("no such file: HTTP 404", "without credentials", "InvalidURL"), strict=True):
        with pytest.raises(ImageError, match=reason) as refused:
            read(images[path])
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["never.jpg", "drips.jpg"])
def test_a_server_that_never_answers_or_drips_costs_its_own_image_and_no_more_than_the_limit(
    server: str, tmp_path: Path, name: str
) -> None:
    pq.write_table(pa.table({"path": [f"{server}/1.jpg", f"{server}/{name}"]}), tmp_path / "t.parquet")
    first, second = find_images(tmp_path / "t.parquet").images
    read = open_images(tmp_path / "t.parquet", read_timeout_s=0.5)
    started = time.monotonic()
    with pytest.raises(ImageError, match=r"^cannot read: reading took longer than 0\.5 s$"):
        read(second)
    assert time.monotonic() - started < 3
    assert read(first) == b"photo of /1.jpg"


def test_nobody_goes_on_reading_what_drips_when_nobody_waits(server: str) -> None:
    started = time.monotonic()
    with pytest.raises(BucketError, match="the server does not answer in time"):
        _located(f"{server}/drips.jpg").read_limited(10**6, limit_s=0.5)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("name", ["never.jpg", "stops.jpg"])
def test_server_that_falls_silent_is_told_as_such(server: str, name: str) -> None:
    with pytest.raises(BucketError, match="the server does not answer in time") as refused:
        _located(f"{server}/{name}").read_limited(10**6, limit_s=0.5)
    assert refused.value.errno == errno.EREMOTEIO


@pytest.mark.parametrize("name", ["busy-429.jpg?later=12", "busy-503.jpg?later=12", "never.jpg"])
def test_nobody_asks_or_sleeps_when_the_time_is_over(server: str, name: str) -> None:
    started = time.monotonic()
    with pytest.raises(BucketError) as refused:
        _located(f"{server}/{name}").read_limited(1000, limit_s=0.5)
    assert refused.value.errno == errno.EREMOTEIO
    assert time.monotonic() - started < 5
    assert _Server.asked == [f"/{name}"]


@pytest.mark.parametrize("later", ["0", "1.5", "soon"])
def test_server_that_says_when_to_come_back_is_asked_again_within_the_time(server: str, later: str) -> None:
    assert _located(f"{server}/busy.jpg?later={later}").read_limited(1000, limit_s=20)
    assert len(_Server.asked) == 3


def _located(text: str) -> WebUrl:
    url = web_url(text)
    assert url is not None
    return url
