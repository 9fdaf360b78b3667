"""Where things lie: a local path, or a `Url` in a bucket; `scoring.storage.reading` and its neighbours take either.

Endpoint, region, credentials and anonymous access come from the environment, under the names that the cloud's own tools
use: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_PROFILE, AWS_SKIP_SIGNATURE=true for a public bucket;
GOOGLE_APPLICATION_CREDENTIALS, GOOGLE_SKIP_SIGNATURE=true; AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY,
AZURE_STORAGE_SAS_TOKEN, AZURE_SKIP_SIGNATURE=true. So no secret is ever in a request, a record or a task.
"""

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeAlias

from scoring.errors import RequestError
from scoring.storage.urls import LISTED_AT_ONCE, Url

__all__ = [
    "BUCKET_SCHEMES",
    "Location",
    "Url",
    "absolute_text",
    "bucket_of",
    "file_above",
    "file_below",
    "find_files",
    "is_same_place",
    "lies_in",
    "locate",
    "machine_path",
    "names_of",
    "own_name",
    "readable",
    "some_names",
]

BUCKET_SCHEMES = {"s3": "s3", "s3a": "s3", "s3n": "s3", "gs": "gs", "gcs": "gs", "az": "az"}  # of other programs, ours
_ANY_SCHEME = "|".join(BUCKET_SCHEMES)
_NO_NAME = "[^A-Za-z0-9._$-]"  # what no store has in the name of a bucket; `$web` is a container of Azure's
_URL = re.compile(rf"(?P<scheme>{_ANY_SCHEME})://(?P<bucket>[^/@:]+)(?:/(?P<key>.*))?", re.DOTALL | re.IGNORECASE)
_ONE_SLASH = re.compile(rf"((?:{_ANY_SCHEME}|https?):)/(?!/)", re.IGNORECASE)  # of a URL that was made a Path
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")

Location: TypeAlias = Path | Url


def locate(text: str | Path) -> Location:
    """The path or the URL that a user's text means; of a URL, slashes at either end of the key count for nothing.

    Raises:
        RequestError: If it is a URL that is not of a bucket, one with credentials in it, one that lacks a slash, or
            one of a bucket that no store can have or of a key that no client can name.
    """
    text = str(text)
    if one_slash := _ONE_SLASH.match(text):  # nor is this shown
        raise RequestError(f"Expected two slashes after {one_slash[1]} in a URL; received one.")
    if not _SCHEME.match(text):
        return Path(text)
    matched = _URL.fullmatch(text)
    if not matched:  # not shown: it may hold a password
        raise RequestError(
            "Expected a path, az://container/prefix, s3://bucket/prefix or gs://bucket/prefix; received a URL that "
            f"begins with {text.partition('://')[0]}:// and is none of these. Credentials belong in the environment, "
            "not in a URL."
        )
    if unknown := sorted(set(re.findall(_NO_NAME, matched["bucket"]))):  # a query may be a signature
        raise RequestError(
            "Expected a bucket's name of letters, digits, dots, hyphens and underscores, then a slash and a key; "
            f"received a name with {' '.join(map(repr, unknown))}. An address with a query begins with https://."
        )
    parts = (matched["key"] or "").strip("/").split("/")
    if parts != [""] and not {"", ".", ".."}.isdisjoint(parts):
        raise RequestError(f"Expected a key without empty parts, `.` and `..` between its slashes; received {text}.")
    return Url(BUCKET_SCHEMES[matched["scheme"].lower()], matched["bucket"], "/".join(parts))


def absolute_text(text: str) -> str:
    """The same place as a process names it that started in another folder."""
    return str(locate(text).absolute())


def names_of(text: str) -> tuple[str, ...]:
    """The names that a place has: the absolute one that it is known by, and what links on the way lead to."""
    place = locate(text)
    named, linked = _as_named(place), _as_linked(place)
    is_named = _as_linked(named) == linked  # behind a link, `..` is above what it leads to
    return tuple(dict.fromkeys(map(str, (named, linked) if is_named else (linked,))))


def bucket_of(place: object) -> str | None:
    """The bucket of a location, or of its text, as `s3://bucket`; None for what lies in none."""
    found = _URL.fullmatch(str(place))
    return f"{BUCKET_SCHEMES[found['scheme'].lower()]}://{found['bucket']}" if found else None


def machine_path(location: Location) -> Path | None:
    """The path of a file that another machine may lack; None for what is in a bucket, the same from everywhere."""
    return None if isinstance(location, Url) else location


def file_below(folder: Location, path: str, raw_path: bytes | None = None) -> Location:
    """A file by its path from a folder, as UTF-8 text whatever the locale, or by the path's true bytes.

    In a path that the system told, bytes that are not UTF-8 are surrogates (PEP 383).
    """
    if isinstance(folder, Url):
        return folder / path
    return folder / os.fsdecode(raw_path or path.encode(errors="surrogateescape"))


def file_above(location: Location) -> tuple[Location, str] | None:
    """The file at a place, or one above it that it would lie in as in a folder, and the rest of the path; or None."""
    above, steps = location, list[str]()
    while above.name:
        if above.is_file():
            return above, "/".join(reversed(steps))
        steps.append(above.name)
        above = above.parent
    return None


def lies_in(location: Location, place: Location) -> bool:
    """Whether a location is a place or below it, by its name or by what links on the way lead to."""
    return any(_is_at_or_below(form(location), form(place)) for form in (_as_named, _as_linked))


def _is_at_or_below(location: Location, place: Location) -> bool:
    while location.name and location != place:
        location = location.parent
    return location == place


def _as_named(location: Location) -> Location:
    return location if isinstance(location, Url) else Path(os.path.abspath(location))  # noqa: PTH100  # without `..`


def _as_linked(location: Location) -> Location:
    return location if isinstance(location, Url) else Path(os.path.realpath(location))  # links in a circle too


def is_same_place(one: str, other: str) -> bool:
    """Whether two absolute names lead to one file in one folder, or to one folder, by what links on the way lead to.

    A link to a file in another folder is another place: beside it lie other files.
    """
    places = locate(one), locate(other)
    first, second = map(_as_linked, places)
    if first != second:
        return False
    above, beside = (_as_linked(place.parent) for place in places)
    return above == beside or second.is_dir()


def own_name(folder: Location) -> str:
    """A folder's own name; of a whole bucket its URL."""
    return (folder.name or str(folder)) if isinstance(folder, Url) else folder.resolve().name


def readable(location: Location) -> Path | BinaryIO:
    """What pyarrow, NumPy and zipfile take: a path, or an open file that fetches only the ranges that are read.

    The path is absolute: one such as `resnet:crop/run.parquet` may be a URL to pyarrow.
    """
    return location.open() if isinstance(location, Url) else location.absolute()


def some_names(folder: Location) -> Iterator[str]:
    """Names of what lies directly in a folder; of one in a bucket, keys below it, as many as one page has."""
    if isinstance(folder, Url):
        return (key for key, _ in islice(folder.objects(), LISTED_AT_ONCE))
    return (path.name for path in folder.glob("*"))


def find_files(folder: Location, pattern: str) -> list[Location]:
    """What lies directly in a folder and has a name that matches, in the order of names."""
    return [folder / name for name in sorted(path.name for path in folder.glob(pattern))]
