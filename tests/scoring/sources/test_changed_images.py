"""Whether a photo that a bucket gives is the one that it listed; of whole runs see test_changed_inputs.py."""

import errno
from typing import Any

import obstore
import pytest

from scoring.sources.changed_images import ChangedBytes, Comparison
from scoring.sources.entries import ImageEntry
from scoring.storage import listed_pages
from scoring.storage.locations import Url
from scoring.storage.read_deadline import ReadTimeoutError
from scoring.storage.reading import read_seen
from scoring.storage.walking import walk
from tests.faults import system_fault


@pytest.fixture
def listed(bucket: Url) -> dict[str, ImageEntry]:
    """A bucket's photos as they were listed; of each there is another one now."""
    for name in ("1", "10", "11", "12", "2"):
        (bucket / name).write_bytes(b"photo")
    images = {found.name: ImageEntry(found.name, found.name, 5, stamp=found.stamp) for found in walk(bucket)}
    for name in images:
        (bucket / name).write_bytes(b"other")
    return images


def _is_changed(comparison: Comparison, bucket: Url, image: ImageEntry) -> bool:
    place = bucket / image.path
    encoded, seen = read_seen(place, 100)
    return isinstance(comparison.marked(encoded, image, seen, place), ChangedBytes)


def test_a_photo_is_found_among_many_of_the_same_beginning(
    bucket: Url, listed: dict[str, ImageEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listed_pages, "LISTED_AT_ONCE", 2)
    assert _is_changed(Comparison(by_stamp=True), bucket, listed["2"])


def test_a_list_that_takes_too_long_is_not_waited_for_again(
    bucket: Url, listed: dict[str, ImageEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def ask(url: Url) -> int:
        asked.append(url)
        raise system_fault(errno.EIO) if len(asked) == 1 else ReadTimeoutError("reading took longer than 60 s")

    monkeypatch.setattr(Url, "listed_stamp", ask)
    comparison = Comparison(by_stamp=True)
    assert not any(_is_changed(comparison, bucket, image) for image in listed.values())
    assert len(asked) == 2


def test_a_proxy_that_weakens_tags_of_answers_changes_no_photo(
    bucket: Url, listed: dict[str, ImageEntry], monkeypatch: pytest.MonkeyPatch
) -> None:
    as_listed = {found.name: found.stamp for found in walk(bucket)}
    get = obstore.get

    class Weakened:
        def __init__(self, found: Any) -> None:
            self.meta = {**found.meta, "e_tag": f"W/{found.meta['e_tag']}"}
            self.stream, self.range = found.stream, found.range

    monkeypatch.setattr(obstore, "get", lambda *place, **options: Weakened(get(*place, **options)))
    image = ImageEntry("1", "1", 5, stamp=as_listed["1"])
    assert not _is_changed(Comparison(by_stamp=True), bucket, image)
    assert _is_changed(Comparison(by_stamp=True), bucket, listed["1"])
