"""What of a bucket's answers is taken for an object's content, and for which content."""

import errno
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from unittest.mock import Mock

import pytest

from scoring.errors import BucketError, ChangedError, StorageError, TooLargeError
from scoring.storage import bucket_clients, retrying
from scoring.storage.downloads import local_copy
from scoring.storage.durable import whole_file, write_text
from scoring.storage.locations import Url
from scoring.storage.reading import PinnedFile
from tests.object_server import ObjectServer, serving_objects

_TOLD = [frozenset({"tag", "time"}), frozenset({"tag"}), frozenset({"time"}), frozenset[str]()]
_ONE_YEAR_S = 365 * 86_400
_URL = Url("s3", "bucket", "model.keras")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ObjectServer]:
    """A bucket's server, which is asked again at once, by one client.

    A read that an earlier test gave up may end now, and would have a client made that does not know this server yet.
    """
    monkeypatch.setattr(bucket_clients, "_client", Mock(side_effect=cache(bucket_clients._client.__wrapped__)))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(retrying, "_FIRST_WAIT_S", 0.001)
    with serving_objects(monkeypatch) as started:
        yield started


@pytest.mark.parametrize("tells", _TOLD, ids=["-".join(sorted(told)) or "nothing" for told in _TOLD])
def test_a_copy_is_of_what_stands_in_the_bucket_whatever_its_server_tells(
    server: ObjectServer, tells: frozenset[str], tmp_path: Path
) -> None:
    server.tells = tells
    server.stored["model.keras"] = b"old network", _ONE_YEAR_S
    assert local_copy(_URL).read_bytes() == b"old network"
    again = local_copy(_URL)
    assert server.requests.count(("GET", "model.keras")) == (1 if tells else 2)
    server.stored["model.keras"] = b"new network", 2 * _ONE_YEAR_S
    assert local_copy(_URL).read_bytes() == b"new network"
    assert again.read_bytes() == b"old network", "who has it open still reads it"
    assert local_copy(_URL) == local_copy(_URL)
    assert len(list((tmp_path / "keras").rglob("model.keras"))) == 2


def test_two_servers_share_no_copies(server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.tells = frozenset({"time"})
    server.stored["model.keras"] = b"one", _ONE_YEAR_S
    assert local_copy(_URL).read_bytes() == b"one"
    with serving_objects(monkeypatch) as other:
        other.tells = server.tells
        other.stored["model.keras"] = b"two", _ONE_YEAR_S
        assert local_copy(_URL).read_bytes() == b"two"


def test_two_accounts_of_azure_share_no_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {"size": 1, "e_tag": '"1"'}
    place, names = Url("az", "models", "a.keras"), []
    for account in ("one", "two"):
        monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", account)
        names.append(place.identity(seen))
    assert names[0] != names[1]


@pytest.mark.parametrize("tells", _TOLD[:3], ids=["-".join(sorted(told)) for told in _TOLD[:3]])
def test_an_object_that_is_replaced_between_two_ranges_is_not_read_as_half_of_each(
    server: ObjectServer, tells: frozenset[str]
) -> None:
    server.tells = tells
    server.stored["model.keras"] = b"old" * 1000, _ONE_YEAR_S
    pinned = PinnedFile(_URL)
    with _URL.open(buffer_bytes=16) as file:
        assert (file.read(3), pinned.read_range(0, 3)) == (b"old", b"old")
        server.stored["model.keras"] = b"new" * 1000, 2 * _ONE_YEAR_S
        file.seek(1500)
        with pytest.raises(ChangedError, match=r"model\.keras is not the file that was listed"):
            file.read(3)
        with pytest.raises(ChangedError):
            pinned.read_range(1500, 3)


_LABELS = b"id,label\n0,cat\n1,dog\n2,cat\n"
_TABLE = Url("s3", "bucket", "labels.csv")
_Answer = Callable[[bytes], tuple[int, dict[str, str], bytes]]
_TAG = {"ETag": '"of-the-whole"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}


def _part(content: bytes) -> tuple[int, dict[str, str], bytes]:
    """As a cache answers that holds the beginning alone."""
    return 206, {**_TAG, "Content-Range": f"bytes 0-20/{len(content)}"}, content[:21]


def _short_part(content: bytes) -> tuple[int, dict[str, str], bytes]:
    return 206, {**_TAG, "Content-Range": f"bytes 0-{len(content) - 1}/{len(content)}"}, content[:21]


def _short(content: bytes) -> tuple[int, dict[str, str], bytes]:
    return 200, _TAG, content[:21]


def _fault_as_content(content: bytes) -> tuple[int, dict[str, str], bytes]:
    return 200, {"Last-Modified": _TAG["Last-Modified"]}, b"<Error><Code>InternalError</Code></Error>"


@pytest.fixture
def labels(server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> ObjectServer:
    """The same server, with a table of labels that it always calls the same."""
    monkeypatch.setattr(server, "about", lambda key: _TAG)
    server.stored["labels.csv"] = _LABELS, _ONE_YEAR_S
    return server


_READS: dict[str, Callable[[], bytes]] = {
    "table": lambda: _TABLE.read_version()[0],
    "photo": lambda: _TABLE.read_limited(len(_LABELS)),
}
_however_it_is_read = pytest.mark.parametrize("read", _READS.values(), ids=_READS)


@pytest.mark.parametrize(
    ("code", "word"),
    [(400, "InvalidArgument"), (400, "InvalidRequest"), (403, "AccessDenied"), (416, "InvalidRange")],
)
@_however_it_is_read
def test_an_object_of_a_server_that_refuses_ranges_is_read_whole(
    labels: ObjectServer, read: Callable[[], bytes], code: int, word: str
) -> None:
    labels.first = [lambda _: (code, {}, f"<Error><Code>{word}</Code><Message>no</Message></Error>".encode())]
    assert read() == _LABELS
    assert not labels.first


@_however_it_is_read
def test_a_server_that_knows_no_ranges_is_asked_for_one_only_once(
    labels: ObjectServer, read: Callable[[], bytes]
) -> None:
    labels.first = [lambda _: (400, {}, b"<Error><Code>NotImplemented</Code><Message>no</Message></Error>")]
    assert (read(), read()) == (_LABELS, _LABELS)
    assert [method for method, _ in labels.requests] == ["GET", "GET", "HEAD", "GET", "HEAD"]


def _all_of_it(content: bytes) -> tuple[int, dict[str, str], bytes]:
    return 200, _TAG, content


def _of_unknown_length(content: bytes) -> tuple[int, dict[str, str], bytes]:
    return 206, {**_TAG, "Content-Range": f"bytes 0-{len(content) - 1}/*"}, content


def _without_its_place(content: bytes) -> tuple[int, dict[str, str], bytes]:
    return 206, _TAG, content


@pytest.mark.parametrize("code", [400, 405])
@_however_it_is_read
def test_a_server_that_refuses_ranges_without_a_word_is_read_whole(
    labels: ObjectServer, read: Callable[[], bytes], code: int
) -> None:
    labels.first = [lambda _: (code, {}, b"")]
    assert (read(), read()) == (_LABELS, _LABELS)
    assert [method for method, _ in labels.requests] == ["GET", "GET", "HEAD", "GET", "HEAD"]


@pytest.mark.parametrize("answer", [_all_of_it, _of_unknown_length, _without_its_place])
@_however_it_is_read
def test_a_server_that_answers_a_range_otherwise_than_by_its_place_is_asked_for_one_only_once(
    labels: ObjectServer, read: Callable[[], bytes], answer: _Answer
) -> None:
    labels.first = [answer]
    assert (read(), read()) == (_LABELS, _LABELS)
    assert [method for method, _ in labels.requests] == ["GET", "GET", "HEAD", "GET", "HEAD"]


def test_an_empty_object_that_is_sent_whole_tells_nothing_of_ranges(labels: ObjectServer) -> None:
    labels.stored["labels.csv"] = b"", _ONE_YEAR_S
    labels.first = [_all_of_it]
    assert _TABLE.read_limited(1) == b""
    labels.stored["labels.csv"] = _LABELS, _ONE_YEAR_S
    labels.requests.clear()
    assert _TABLE.read_limited(len(_LABELS)) == _LABELS
    assert labels.requests == [("GET", "labels.csv")]


@pytest.mark.parametrize("answer", [_part, _short_part])
@_however_it_is_read
def test_a_part_of_an_object_is_not_taken_for_all_of_it(
    labels: ObjectServer, read: Callable[[], bytes], answer: _Answer
) -> None:
    labels.first = [answer]
    assert read() == _LABELS
    labels.first = [answer] * 6
    with pytest.raises(BucketError, match=r"^s3://bucket/labels\.csv: expected .*A proxy may have answered") as raised:
        read()
    assert raised.value.errno == errno.EREMOTEIO
    assert not labels.first, "asked six times"


@_however_it_is_read
def test_an_object_is_read_whole_with_one_request(labels: ObjectServer, read: Callable[[], bytes]) -> None:
    assert read() == _LABELS
    assert labels.requests == [("GET", "labels.csv")]


@_however_it_is_read
def test_an_object_of_a_server_without_ranges_is_whole_if_it_has_the_size_that_a_look_tells(
    labels: ObjectServer, read: Callable[[], bytes]
) -> None:
    labels.knows_ranges = False
    assert read() == _LABELS
    labels.first = [_short, _short]
    assert read() == _LABELS


def test_an_empty_object_is_read(labels: ObjectServer) -> None:
    labels.stored["labels.csv"] = b"", _ONE_YEAR_S
    assert _TABLE.read_bytes() == b""
    assert local_copy(_TABLE).read_bytes() == b""


@pytest.mark.parametrize("answer", [_part, _short, _fault_as_content])
def test_a_download_of_another_size_than_was_told_is_not_kept(
    labels: ObjectServer, answer: _Answer, tmp_path: Path
) -> None:
    labels.first = [answer] * 6
    with pytest.raises(StorageError, match=r"^Cannot write .*: s3://bucket/labels\.csv: expected \d+ bytes, received"):
        local_copy(_TABLE)
    assert not list((tmp_path / "keras").rglob("labels.csv"))
    labels.first = [answer]
    assert local_copy(_TABLE).read_bytes() == _LABELS


def test_a_file_that_is_not_stored_where_one_of_its_size_stands_is_missed(server: ObjectServer) -> None:
    write_text(_TABLE, "1,0.10")
    server.first = [lambda content: (200, {"ETag": '"dropped"'}, b"")]
    with pytest.raises(
        StorageError, match="it was said to be stored, 6 bytes, but the bucket has another of that size"
    ):
        write_text(_TABLE, "1,0.90")
    server.requests.clear()
    write_text(_TABLE, "1,0.90")
    assert server.requests == [("PUT", "labels.csv"), ("HEAD", "labels.csv")], "no more requests than are needed"


def test_a_file_of_a_store_that_calls_it_something_else_is_read_back(server: ObjectServer) -> None:
    server.stored["labels.csv"] = b"1,0.90", _ONE_YEAR_S
    server.first = [lambda content: (200, {"ETag": '"of the parts"'}, b"")]
    with whole_file(_TABLE) as temporary:
        temporary.write_bytes(b"1,0.90")
    assert ("GET", "labels.csv") in server.requests


def _broken_off(server: ObjectServer, then: bytes, num_sent: int) -> _Answer:
    """An answer that breaks off; what is stored then is written when that is."""

    def answer(content: bytes) -> tuple[int, dict[str, str], bytes]:
        told = {**server.about("labels.csv"), "Content-Length": str(len(content))}
        if then != content:
            server.stored["labels.csv"] = then, 2 * _ONE_YEAR_S
        return 206, {**told, "Content-Range": f"bytes 0-{len(content) - 1}/{len(content)}"}, content[:num_sent]

    return answer


_OTHERS = b"id,label\n0,dog\n1,cat\n2,dog\n"
_told = pytest.mark.parametrize("tells", _TOLD, ids=["-".join(sorted(told)) or "nothing" for told in _TOLD])


@_told
@pytest.mark.parametrize("then", [_LABELS, _OTHERS, _OTHERS * 2], ids=["same", "other", "longer"])
@_however_it_is_read
def test_an_object_whose_answer_breaks_off_is_read_anew_as_it_is_then(
    server: ObjectServer, read: Callable[[], bytes], then: bytes, tells: frozenset[str]
) -> None:
    """As a lease, which each heartbeat replaces."""
    server.tells, server.stored["labels.csv"] = tells, (_LABELS, _ONE_YEAR_S)
    for num_sent in (0, 12):
        server.stored["labels.csv"] = _LABELS, _ONE_YEAR_S
        server.first = [_broken_off(server, then, num_sent)]
        try:
            assert read() == then
        except TooLargeError:
            assert len(then) > len(_LABELS)


@_told
def test_a_part_of_an_object_that_is_replaced_as_its_answer_breaks_off_is_not_read(
    server: ObjectServer, tells: frozenset[str]
) -> None:
    server.tells, server.stored["labels.csv"] = tells, (_LABELS, _ONE_YEAR_S)
    seen = _TABLE.look()
    server.first = [_broken_off(server, _LABELS, 12)]
    assert _TABLE.read_range(0, len(_LABELS), seen) == _LABELS
    server.first = [_broken_off(server, _OTHERS * 2, 12)]
    with pytest.raises(ChangedError if tells else BucketError):
        _TABLE.read_range(0, len(_LABELS), seen)


@_told
def test_a_download_of_an_object_that_is_replaced_as_its_answer_breaks_off_is_of_one(
    server: ObjectServer, tells: frozenset[str], tmp_path: Path
) -> None:
    server.tells, server.stored["labels.csv"] = tells, (_LABELS, _ONE_YEAR_S)
    server.first = [_broken_off(server, _LABELS, 12)]
    _TABLE.download(tmp_path / "copy", _TABLE.look())
    assert (tmp_path / "copy").read_bytes() == _LABELS
    server.first = [_broken_off(server, _OTHERS, 12)]
    if tells:
        with pytest.raises(ChangedError):
            _TABLE.download(tmp_path / "copy", _TABLE.look())
    else:
        _TABLE.download(tmp_path / "copy", _TABLE.look())
        assert (tmp_path / "copy").read_bytes() == _OTHERS
