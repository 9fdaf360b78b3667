import threading
import time
from collections.abc import Iterator
from itertools import islice

import obstore
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scoring.errors import BucketError
from scoring.storage import prefix_listing
from scoring.storage.bucket_clients import open_bucket
from scoring.storage.locations import Url
from scoring.storage.prefix_listing import Listed, list_objects
from scoring.storage.walking import walk
from tests.buckets import new_bucket, publish, put_marker

_STEPS = st.sampled_from(["a", "a.jpg", "a0", "b", "é", "x#y", "[k]", "~t", "A", "z 1.jpg"])
_KEYS = st.lists(_STEPS, min_size=1, max_size=3).map("/".join)


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four objects are a whole answer here."""
    monkeypatch.setattr(prefix_listing, "LISTED_AT_ONCE", 4)


def _one_after_the_other(bucket: Url, key: str) -> list[Listed]:
    return [listed for page in prefix_listing._pages(open_bucket(bucket.scheme, bucket.bucket), key) for listed in page]


def _listed(bucket: Url, key: str) -> list[Listed]:
    return list(list_objects(open_bucket(bucket.scheme, bucket.bucket), key))


def _fill(bucket: Url, folders: int, objects: int) -> None:
    for folder in range(folders):
        for number in range(objects):
            publish(bucket / f"p/q/class-{folder}/{number}.jpg", b"x")


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(_KEYS, max_size=20), st.sets(_KEYS, max_size=4), st.sampled_from(["", "p", "a"]))
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
    pages, turn = prefix_listing._pages, threading.Lock()
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

    monkeypatch.setattr(prefix_listing, "_pages", slow)
    monkeypatch.setattr(prefix_listing, "_PAGES_HELD", 1)
    monkeypatch.setattr(prefix_listing, "_SIDE_BY_SIDE", 3)
    assert _listed(bucket, "p") == expected
    assert 3 <= most <= 5  # the first listing, and the one that is read beside those ahead


def test_what_cannot_be_listed_in_one_folder_is_told_and_ends_the_others(
    bucket: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(bucket, folders=6, objects=9)
    pages = prefix_listing._pages

    def broken(store: obstore.store.ObjectStore, key: str) -> Iterator[list[Listed]]:
        if key.endswith("class-3"):
            raise obstore.exceptions.GenericError("the server is on fire")
        return pages(store, key)

    monkeypatch.setattr(prefix_listing, "_pages", broken)
    with pytest.raises(BucketError, match="on fire"):
        list(walk(bucket / "p"))


def test_reader_that_stops_early_leaves_no_thread_behind(bucket: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(bucket, folders=6, objects=9)
    monkeypatch.setattr(prefix_listing, "_PAGES_HELD", 1)
    listing = list_objects(open_bucket(bucket.scheme, bucket.bucket), "p")
    assert len(list(islice(listing, 10))) == 10
    listing.close()  # type: ignore[attr-defined]  # it is a generator
    deadline = time.monotonic() + 20
    while any(thread.name.startswith("list_") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_first_page_alone_asks_for_no_folder(bucket: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    _fill(bucket, folders=3, objects=3)
    monkeypatch.setattr(prefix_listing, "_divided", lambda *_: pytest.fail("it looked for folders"))
    assert (bucket / "p").is_dir()
    assert len(list(islice(list_objects(open_bucket(bucket.scheme, bucket.bucket), "p"), 4))) == 4
