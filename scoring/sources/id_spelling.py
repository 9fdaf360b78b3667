"""Spellings of ids and paths: an image's name, without its suffix or as a number, and one for all systems."""

import posixpath
import re

from scoring.pixels.formats import IMAGE_SUFFIXES
from scoring.sources.spelling import composed
from scoring.sources.suffixes import is_row

# Of an absolute path, or of a URL.
ROOT = re.compile(r"(?:[a-z]:)?/|[a-z0-9+.-]+://(?=(?P<host>[^/]*))", re.IGNORECASE)
_WHOLE = re.compile(r"[0-9]+")
_WHOLE_AS_FLOAT = re.compile(r"([0-9]+)\.0")  # what pandas makes of whole numbers beside an empty cell
_HERE = re.compile(r"(?:\./)+")


def bare_name(path: str) -> str:
    """A file's name without its suffix; the place of a table's row, `0001.parquet#7`, is the name of none."""
    name = posixpath.basename(path)
    stem, suffix = posixpath.splitext(name)
    return name if "#" in suffix else stem


def without_suffix(path: str) -> str:
    """A path without its suffix."""
    return path[: len(path) - len(posixpath.basename(path))] + bare_name(path)


def path_or_id(image_id: str, path: str) -> str:
    """What names an image: its path, or the id of one whose path is a place in a table."""
    return image_id if is_row(path) else path


def without_image_suffix(one: str) -> str | None:
    """An id without the suffix of an image; None for any other."""
    stem, suffix = posixpath.splitext(one)
    return stem if suffix.lower() in IMAGE_SUFFIXES else None


def number_of_id(one: str) -> str | None:
    """The number that an id is, `7` of `007` and of `7.0`; None if it is none."""
    as_float = _WHOLE_AS_FLOAT.fullmatch(one)
    return number(as_float[1] if as_float else one)


def slashed(path: str) -> str:
    """A path with slashes, and without `./` before it or `x/../` within."""
    path = path.replace("\\", "/")
    if "/../" in path and not ROOT.match(path):
        return posixpath.normpath(path)
    return _HERE.sub("", path, count=1) if path.startswith("./") else path


def folded(path: str) -> str:
    """One spelling for a path, whatever system wrote it."""
    bare = slashed(path)
    return bare.lower() if bare.isascii() else composed(bare).casefold()


def number(text: str) -> str | None:
    """A whole number without zeros before it; None for any other text."""
    return (text.lstrip("0") or "0") if _WHOLE.fullmatch(text) else None
