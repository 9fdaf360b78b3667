import errno
import hashlib
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from itertools import islice
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import obstore
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scoring.errors import BucketError
from scoring.storage import (
    bucket_clients,
    folders_side_by_side,
    listed_folder,
    listed_pages,
    prefix_listing,
    retrying,
)
from scoring.storage.bucket_clients import open_bucket
from scoring.storage.listed_folder import Listed
from scoring.storage.locations import Url
from scoring.storage.prefix_listing import list_objects
from scoring.storage.walking import walk
from tests.buckets import new_bucket, publish, put_marker
from tests.local_server import serving

_STEPS = st.sampled_from(["a", "a.jpg", "a0", "b", "é", "x#y", "[k]", "~t", "A", "z 1.jpg"])
_KEYS = st.lists(_STEPS, min_size=1, max_size=3).map("/".join)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four objects are a whole answer here, three a short one, and nothing is waited for."""
    for module in (listed_pages, listed_folder):
        monkeypatch.setattr(module, "LISTED_AT_ONCE", 4)
    for module in (listed_pages, folders_side_by_side):
        monkeypatch.setattr(module, "ASKED_AGAIN_AFTER_S", (0.01, 0.01))
    monkeypatch.setattr(listed_pages, "_SHORTEST_PAGE", 3)


def _one_after_the_other(bucket: Url, key: str) -> list[Listed]:
    pages = listed_pages.pages_of(open_bucket(bucket.scheme, bucket.bucket), key)
    return [listed for page in pages for listed in page]


def _listed(bucket: Url, key: str) -> list[Listed]:
    return list(list_objects(open_bucket(bucket.scheme, bucket.bucket), key))


def _fill(bucket: Url, folders: int, objects: int) -> None:
    for folder in range(folders):
        for number in range(objects):
            publish(bucket / f"p/q/class-{folder}/{number}.jpg", b"x")


@pytest.mark.ci
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(_KEYS, max_size=20), st.sets(_KEYS, max_size=4), st.sampled_from(["", "p", "a"]))
@example({"é", "a/a"}, {"é", "a"}, "")  # a whole answer that ends with twins
@example(set(), {"a.jpg", "a.jpg/a", "a", "a0"}, "")  # a mark before the last whose name comes before the first
def test_folders_side_by_side_come_in_the_order_of_one_listing(
    s3: str, keys: set[str], markers: set[str], prefix: str
) -> None:
    bucket = new_bucket()
    for key in keys:
        publish(bucket / key, b"x")
        publish(bucket / f"p/{key}", b"xy")
    for marker in markers:
        put_marker(bucket, f"p/{marker}/")
    assert _listed(bucket, prefix) == _one_after_the_other(bucket, prefix)


def test_folders_are_listed_at_the_same_time_and_in_bounded_memory(
    bucket: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(bucket, folders=6, objects=9)
    expected = _one_after_the_other(bucket, "p")
    pages, turn = listed_pages.pages_of, threading.Lock()
    busy: set[str] = set()
    most = 0

    def slow(store: obstore.store.ObjectStore, key: str) -> Iterator[list[Listed]]:
        nonlocal most
        with turn:
            busy.add(key)
            most = max(most, len(busy))
        for page in pages(store, key):
            time.sleep(0.05)
            yield page
        with turn:
            busy.remove(key)

    monkeypatch.setattr(folders_side_by_side, "pages_of", slow)
    monkeypatch.setattr(folders_side_by_side, "_PAGES_HELD", 1)
    monkeypatch.setattr(folders_side_by_side, "_SIDE_BY_SIDE", 3)
    assert _listed(bucket, "p") == expected
    assert 3 <= most <= 5  # the first listing, and the one that is read beside those ahead


def test_what_cannot_be_listed_in_one_folder_is_told_and_ends_the_others(
    bucket: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(bucket, folders=6, objects=9)
    pages = listed_pages.pages_of

    def broken(store: obstore.store.ObjectStore, key: str) -> Iterator[list[Listed]]:
        if key.endswith("class-3"):
            raise obstore.exceptions.GenericError("the server is on fire")
        return pages(store, key)

    monkeypatch.setattr(folders_side_by_side, "pages_of", broken)
    with pytest.raises(BucketError, match="on fire"):
        list(walk(bucket / "p"))


def test_reader_that_stops_early_leaves_no_thread_behind(bucket: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(bucket, folders=6, objects=9)
    monkeypatch.setattr(folders_side_by_side, "_PAGES_HELD", 1)
    listing = list_objects(open_bucket(bucket.scheme, bucket.bucket), "p")
    assert len(list(islice(listing, 10))) == 10
    listing.close()  # type: ignore[attr-defined]  # it is a generator
    deadline = time.monotonic() + 20
    while any(thread.name.startswith("list_") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


class _Forgetful(BaseHTTPRequestHandler):
    """Lists four at a time, or all, and does not say where it goes on; with `start-after`, it may begin there."""

    objects: ClassVar[set[str]] = set()
    knows_start, page, requests = True, 4, 0
    tells_where = False  # the list goes on, as other servers do
    interrupted: ClassVar[dict[tuple[str, str], int]] = {}  # how often to answer what else, by prefix and start
    interruption = "<html><head><title>Login</title></head><body>Please log in</body></html>"
    cut: ClassVar[set[int]] = set()  # which requests are answered by half
    cut_before: bytes | None = None  # where, if not there
    tells_length = True
    last_question: tuple[str, str] | None = None  # nothing is answered from this one on
    is_gone = False
    ghosts: ClassVar[set[str]] = set()  # in lists of folders alone
    order: Any = staticmethod(lambda key: key)
    refusal: tuple[int, str] | None = None  # of a place to start at
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        query = dict(parse_qsl(urlsplit(self.path).query))
        prefix, start = query.get("prefix", ""), query.get("start-after", "") if self.knows_start else ""
        token = query.get("continuation-token", "")
        type(self).requests += 1
        if self.refusal and "start-after" in query:
            self._send(f"<Error><Code>{self.refusal[1]}</Code><Message>no</Message></Error>", self.refusal[0])
            return
        is_gone = self.is_gone or (prefix, token or start) == self.last_question
        if is_gone or self.interrupted.get((prefix, token or start), 0) > 0:
            self.interrupted[prefix, token or start] = self.interrupted.get((prefix, token or start), 0) - 1
            type(self).is_gone = is_gone
            self._send(self.interruption)
            return
        entries = dict.fromkeys(
            prefix + name.removeprefix(prefix).partition("/")[0] + "/"
            if "delimiter" in query and "/" in name.removeprefix(prefix)
            else name
            for name in sorted(self.objects | (self.ghosts if "delimiter" in query else set()), key=self._place)
            if name.startswith(prefix) and name > start
        )
        names = list(entries)
        left = [name for name in names if not token or self._place(name) > self._place(token)]
        page = left[: self.page]
        rows = "".join(map(_row, page))
        if self.tells_where and len(page) < len(left):
            rows += f"<NextContinuationToken>{page[-1]}</NextContinuationToken>"
        self._send(f"<ListBucketResult><IsTruncated>true</IsTruncated>{rows}</ListBucketResult>")

    def _place(self, name: str) -> tuple[Any, str]:
        return self.order(name), name

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        keys = re.findall("<Key>(.*?)</Key>", asked)
        self.objects.difference_update(keys)
        rows = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        self._send(f"<DeleteResult>{rows}</DeleteResult>")

    def _send(self, content: str, status: int = 200) -> None:
        is_cut = self.requests in self.cut
        self.send_response(status)
        if self.tells_length:
            self.send_header("Content-Length", str(len(content)))
        self.close_connection = is_cut or not self.tells_length
        self.end_headers()
        sent = content.encode()
        if is_cut:
            sent = sent[: len(sent) // 2] if self.cut_before is None else sent.partition(self.cut_before)[0]
        self.wfile.write(sent)

    def log_message(self, format: str, *arguments: object) -> None:
        """Quiet."""


def _row(key: str) -> str:
    if key.endswith("/"):
        return f"<CommonPrefixes><Prefix>{key}</Prefix></CommonPrefixes>"
    key = key.replace("\t", "&#9;")
    return f"<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00Z</LastModified><Size>1</Size></Contents>"


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Forgetful]]:
    class Server(_Forgetful):
        objects: ClassVar[set[str]] = set()
        interrupted: ClassVar[dict[tuple[str, str], int]] = {}
        cut: ClassVar[set[int]] = set()

    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    with serving(Server) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        yield Server


_FLAT = [f"p/{number}.jpg" for number in range(9)]
_IN_FOLDERS = [f"p/{folder}/{number}.jpg" for folder in "abcdef" for number in range(9)]


@pytest.mark.parametrize("keys", [_FLAT, _FLAT[:8], _IN_FOLDERS])
def test_a_list_that_does_not_say_where_it_goes_on_is_followed_or_refused(
    forgetful: type[_Forgetful], keys: list[str]
) -> None:
    forgetful.objects.update(keys)
    place = Url("s3", "bucket", "p")
    assert [f"p/{name}" for name, _ in place.objects()] == keys
    directly = {"/".join(key.split("/")[:2]) for key in keys}
    assert {url.key for url in place.iterdir()} == directly
    forgetful.knows_start = False
    with pytest.raises(BucketError, match="s3://bucket/p: Expected a server that continues its lists"):
        list(place.objects())
    with pytest.raises(BucketError, match="Expected a server that continues"):
        list(place.iterdir())
    place.remove_below(lambda: None)
    assert not forgetful.objects


@pytest.mark.parametrize(
    ("bucket", "num_objects", "num_requests"),
    [
        *[("bucket", 2, 1), ("bucket", 3, 2), ("bucket", 5, 2), ("bucket", 8, 2)],
        *[("photos--use1-az4--x-s3", 4, 1), ("photos--use1-az4--xa-s3", 4, 1)],
    ],
)
def test_a_whole_list_of_a_server_that_begins_it_where_it_likes_is_right(
    forgetful: type[_Forgetful], bucket: str, num_objects: int, num_requests: int
) -> None:
    forgetful.objects.update(_FLAT[:num_objects])
    forgetful.knows_start, forgetful.page = False, 1000
    assert len(list(Url("s3", bucket, "p").objects())) == num_objects
    assert forgetful.requests == num_requests


@pytest.mark.parametrize("page", [3, 5, 7])
@pytest.mark.parametrize("keys", [_FLAT, _FLAT[:8], _FLAT[:1], _IN_FOLDERS, [f"p/q/{key}" for key in _IN_FOLDERS]])
def test_pages_of_any_size_are_followed_where_the_server_does_not_say_where_it_goes_on(
    forgetful: type[_Forgetful], keys: list[str], page: int
) -> None:
    forgetful.objects.update(keys)
    forgetful.page = page
    place = Url("s3", "bucket", "p")
    assert [f"p/{name}" for name, _ in place.objects()] == keys
    assert {url.key for url in place.iterdir()} == {"/".join(key.split("/")[:2]) for key in keys}
    place.remove_below(lambda: None)
    assert not forgetful.objects


_ERROR = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate</Message></Error>"


@pytest.mark.parametrize("interruption", [_ERROR, _Forgetful.interruption])
@pytest.mark.parametrize(
    ("keys", "prefix", "start"),
    [
        (_IN_FOLDERS, "p/c/", ""),
        (_IN_FOLDERS, "p/c/", "p/c/3.jpg"),
        (_IN_FOLDERS, "p/", "p/d/"),  # of what lies directly in it
        (_FLAT, "p/", "p/3.jpg"),
        (_FLAT, "p/", "p/7.jpg"),
    ],
)
def test_what_is_answered_in_the_place_of_a_list_is_no_empty_list(
    forgetful: type[_Forgetful], keys: list[str], prefix: str, start: str, interruption: str
) -> None:
    forgetful.objects.update(keys)
    forgetful.tells_where, forgetful.interruption = True, interruption
    place = Url("s3", "bucket", "p")
    forgetful.interrupted[prefix, start] = 1
    assert [f"p/{name}" for name, _ in place.objects()] == keys
    assert forgetful.interrupted[prefix, start] < 1
    forgetful.last_question = (prefix, start)
    with pytest.raises(BucketError, match=r"^s3://bucket/p: Expected a list with p/.*; it gives an empty one"):
        list(place.objects())


def test_folders_that_a_server_names_though_they_are_empty_are_left_out(
    forgetful: type[_Forgetful], monkeypatch: pytest.MonkeyPatch
) -> None:
    """MinIO does so where all objects are marked as removed, SeaweedFS where a folder was made."""
    monkeypatch.setattr(folders_side_by_side, "_SIDE_BY_SIDE", 1)
    forgetful.objects.update(_IN_FOLDERS)
    forgetful.page, forgetful.tells_where = 1000, True
    whole = len(list(Url("s3", "bucket", "p").objects())), forgetful.requests
    forgetful.ghosts = {f"p/gone-{number}/1.jpg" for number in range(4)}
    forgetful.requests = 0
    assert [f"p/{name}" for name, _ in Url("s3", "bucket", "p").objects()] == _IN_FOLDERS
    assert forgetful.requests == whole[1] + 4 + 3 * 3  # the first is asked for three times, and then for another list


def test_an_end_whose_last_object_is_gone_is_believed(forgetful: type[_Forgetful]) -> None:
    forgetful.objects.update(_FLAT)
    forgetful.page = 1000
    listing = Url("s3", "bucket", "p").objects()
    assert [next(listing)[0], next(listing)[0]] == ["0.jpg", "1.jpg"]
    forgetful.objects.remove(_FLAT[-1])
    assert len(list(listing)) == 7


@pytest.mark.parametrize(
    "order",
    [
        lambda key: key.split("/"),
        lambda key: key.lower(),
        lambda key: (len(key), key),
        lambda key: hashlib.md5(key.encode()).hexdigest(),
        lambda key: (random.random(), key),
    ],
    ids=["folders first", "case", "length", "hash", "none"],
)
@pytest.mark.parametrize("knows_start", [True, False])
def test_lists_in_another_order_are_neither_refused_nor_told_twice(
    forgetful: type[_Forgetful], knows_start: bool, order: Callable[[str], object]
) -> None:
    keys = ["p/a/1.png", "p/a/2.png", "p/a.jpg", "p/B.png", "p/c.png", "p/a-1/x.png", "p/10.png"]
    forgetful.objects.update(keys)
    forgetful.page, forgetful.tells_where = 1000, True
    forgetful.knows_start, forgetful.order = knows_start, staticmethod(order)
    for number in (0, 1, 2, 4, 5, 6):  # four are a whole page, with which no list may begin anew
        forgetful.objects.difference_update(keys[:number])
        left = Counter(key.removeprefix("p/") for key in keys[number:])
        assert Counter(name for name, _ in Url("s3", "bucket", "p").objects()) == left
        assert {url.key for url in Url("s3", "bucket", "p").iterdir()} == {
            "/".join(key.split("/")[:2]) for key in keys[number:]
        }


@pytest.mark.parametrize("refusal", [(501, "NotImplemented"), (400, "InvalidArgument")])
def test_a_server_that_refuses_to_begin_a_list_elsewhere_is_believed_but_at_the_end_of_a_whole_page(
    forgetful: type[_Forgetful], refusal: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_clients, "_PATIENCE", timedelta(0))
    forgetful.objects.update(_FLAT)
    forgetful.page, forgetful.tells_where, forgetful.refusal = 1000, True, refusal
    place = Url("s3", "bucket", "p")
    assert len(list(place.objects())) == len(list(place.iterdir())) == len(_FLAT)
    forgetful.objects.discard(_FLAT[-1])
    with pytest.raises(BucketError, match=refusal[1]):
        list(place.objects())


@pytest.fixture
def is_cloud(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the server passes for the cloud's own, which lists in the order of bytes."""
    monkeypatch.setattr(listed_pages, "is_in_byte_order", lambda _: request.param)
    return bool(request.param)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is waited for before it is tried again."""
    monkeypatch.setattr(retrying, "_FIRST_WAIT_S", 0.0001)


_BY_LENGTH: Callable[[str], object] = len
_FOLDERS_FIRST: Callable[[str], object] = partial(str.split, sep="/")


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("bucket", "tells_where", "order", "is_cloud"),
    [
        *[("bucket", True, str, True), ("bucket", True, str, False), ("bucket", True, _BY_LENGTH, False)],
        *[("bucket", True, _FOLDERS_FIRST, False)],
        *[("bucket", False, str, True), ("bucket", False, str, False)],
        *[("photos--use1-az4--x-s3", True, str, False), ("photos--use1-az4--x-s3", True, _BY_LENGTH, False)],
    ],
    ids=[
        *["cloud", "tells where", "in another order", "walks folders", "cloud does not tell", "does not tell"],
        *["express", "express in another order"],
    ],
    indirect=["is_cloud"],
)
@pytest.mark.parametrize("tells_length", [True, False])
@pytest.mark.parametrize("page", [3, 4])
@pytest.mark.parametrize("keys", [_FLAT, [*_IN_FOLDERS[:20], "p/10.png", "p/z"]])
@pytest.mark.usefixtures("is_cloud")
def test_a_list_of_which_answers_break_off_goes_on_where_it_stood(
    forgetful: type[_Forgetful],
    keys: list[str],
    page: int,
    tells_length: bool,
    bucket: str,
    tells_where: bool,
    order: Callable[[str], object],
) -> None:
    forgetful.objects.update(keys)
    forgetful.page, forgetful.tells_where, forgetful.tells_length = page, tells_where, tells_length
    forgetful.order = staticmethod(order)
    place = Url("s3", bucket, "p")
    names, num = [name for name, _ in place.objects()], forgetful.requests
    assert Counter(f"p/{name}" for name in names) == Counter(keys)
    for cut in [*({number} for number in range(1, num + 1)), {1, 2}, {2, 3, 4}, {1, 3, 6}, {3, 4, 5, 6, 7}]:
        forgetful.cut, forgetful.requests = cut, 0
        assert [name for name, _ in place.objects()] == names
        assert forgetful.requests > num
    for number in range(1, 6):
        forgetful.cut, forgetful.requests = {number}, 0
        assert place.is_dir()
        forgetful.requests = 0
        assert {url.key for url in place.iterdir()} == {"/".join(key.split("/")[:2]) for key in keys}
    forgetful.cut, forgetful.requests = {1, 4, 6}, 0
    place.remove_below(lambda: None)
    assert not forgetful.objects


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("tells_length", [True, False])
def test_a_list_whose_answers_always_break_off_is_told_in_one_line(
    forgetful: type[_Forgetful], tells_length: bool
) -> None:
    forgetful.objects.update(_FLAT)
    forgetful.cut, forgetful.tells_length = set(range(100)), tells_length
    place = Url("s3", "bucket", "p")
    for ask in (place.is_dir, lambda: list(place.objects()), lambda: list(place.iterdir())):
        forgetful.requests = 0
        with pytest.raises(
            BucketError, match=r"^s3://bucket/p: expected a whole answer; it broke off.*again: .*$"
        ) as raised:
            ask()
        assert raised.value.errno == errno.EREMOTEIO
        assert forgetful.requests == 6


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("is_cloud", [True, False], indirect=True)
@pytest.mark.parametrize("gone", ["p/0.jpg", "p/3.jpg"])
def test_a_list_that_broke_off_and_has_changed_by_then_goes_on_where_its_place_is_known(
    forgetful: type[_Forgetful], is_cloud: bool, gone: str
) -> None:
    forgetful.objects.update(_FLAT)
    forgetful.tells_where, forgetful.cut = True, {2}
    listing = Url("s3", "bucket", "p").objects()
    next(listing)
    forgetful.objects.discard(gone)
    if gone == "p/3.jpg" and not is_cloud:
        with pytest.raises(BucketError, match=r"Expected p/3\.jpg again in the list that broke off behind it"):
            list(listing)
    else:
        assert [f"p/{name}" for name, _ in listing] == _FLAT[1:]


@pytest.mark.usefixtures("at_once")
def test_a_list_that_broke_off_in_a_walk_of_folders_lacks_nothing(forgetful: type[_Forgetful]) -> None:
    """Within one large folder its order is that of bytes, and behind it come keys that bytes would place before."""
    forgetful.objects.update([f"p/a/{number}.jpg" for number in range(9)], {"p/a-b.jpg", "p/a.jpg", "p/z.jpg"})
    forgetful.order, forgetful.tells_where = staticmethod(_FOLDERS_FIRST), True
    store = open_bucket("s3", "bucket")
    for cut in range(1, 5):
        forgetful.cut, forgetful.requests = {cut}, 0
        names = [name for page in listed_pages.pages_of(store, "p") for name, _, _ in page]
        assert Counter(names) == Counter(forgetful.objects)


@pytest.mark.parametrize(
    ("scheme", "bucket", "variable", "expected"),
    [
        *[("s3", "photos", None, True), ("gs", "photos", None, True), ("az", "photos", None, False)],
        *[("s3", "photos", "GOOGLE_BASE_URL", True), ("gs", "photos", "AWS_ENDPOINT_URL", True)],
        *[("s3", "photos", "AWS_ENDPOINT_URL", False), ("s3", "photos", "AWS_ENDPOINT_URL_S3", False)],
        *[("s3", "photos", "AWS_ENDPOINT", False), ("gs", "photos", "GOOGLE_BASE_URL", False)],
        *[("s3", "photos--use1-az4--x-s3", None, False), ("s3", "photos-hrzr-ext-s3alias", None, False)],
    ],
)
def test_the_order_of_lists_is_known_of_the_clouds_own_servers(
    monkeypatch: pytest.MonkeyPatch, scheme: str, bucket: str, variable: str | None, expected: bool
) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT", "GOOGLE_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "photos")
    assert listed_folder.is_in_byte_order(open_bucket(scheme, bucket)) == expected


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("cut_before", [b"<ListB", b"ListB", b"<Contents>", b"\xa9", b"</ListB"])
def test_an_answer_without_a_length_that_broke_off_anywhere_is_asked_for_again(
    forgetful: type[_Forgetful], cut_before: bytes
) -> None:
    forgetful.objects.update(["p/é.jpg", "p/z.jpg"])
    forgetful.tells_length, forgetful.cut_before, forgetful.page = False, cut_before, 1000
    names = [name for name, _ in Url("s3", "bucket", "p").objects()]
    for cut in range(1, 3):
        forgetful.cut, forgetful.requests = {cut}, 0
        assert [name for name, _ in Url("s3", "bucket", "p").objects()] == names


def test_a_key_with_a_control_character_is_told_in_one_line_with_what_to_do(forgetful: type[_Forgetful]) -> None:
    forgetful.objects.update({"p/1.jpg", "p/a\tb.jpg"})
    said = (
        r"^s3://bucket/p: Expected keys without control characters, .*; a list with 'p/a\\tb\.jpg' in it cannot be "
        r"read\. Rename or remove that object, or name a prefix without it\.$"
    )
    with pytest.raises(BucketError, match=said):
        list(Url("s3", "bucket", "p").objects())
    with pytest.raises(BucketError, match=said):
        list(Url("s3", "bucket", "p").iterdir())


def test_first_page_alone_asks_for_no_folder(bucket: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(bucket, folders=3, objects=3)
    monkeypatch.setattr(prefix_listing, "_divided", lambda *_: pytest.fail("it looked for folders"))
    assert (bucket / "p").is_dir()
    assert len(list(islice(list_objects(open_bucket(bucket.scheme, bucket.bucket), "p"), 4))) == 4
