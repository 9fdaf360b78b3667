"""Which kind of place a location is, for tests that know it: a path on the disk, or a URL in a bucket."""

from pathlib import Path

from scoring.storage.locations import Location, Url


def on_disk(location: Location) -> Path:
    """The same location, which is a path."""
    assert isinstance(location, Path)
    return location


def in_bucket(location: Location) -> Url:
    """The same location, which is a URL."""
    assert isinstance(location, Url)
    return location
