"""Which path a row of a table tells, for ids, labels, splits and files of labels; it is read by its text as it stands.

Rows of Windows part folders by backslashes, URIs quote blanks and accents, and what follows the path in the address of
a web server may be a signature.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scoring.sources.entries import readable_bytes

FILE_URI = re.compile(r"file:(?://(?:localhost)?)?(?=/)", re.IGNORECASE)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_MARKS = (b"\\", b"%", b"?", b"#")  # a row without one tells what it says; to look at each takes many times as long
_MAY_TELL_OTHER = r"(?is)^https?://.*[%?#]"
_OF_FILE = r"(?i)^file:/"
_MAY_BE_QUOTED = r"(?is)^file:/.*%[0-9a-f]{2}"
# By RFC 3986, but for letters such as `ö`, which Java and browsers leave as they are; also a `%` without two digits.
_IN_NO_URI = r'[\x00-\x20"<>\\^`{|}\x7f]|%(?:[0-9A-Fa-f]?$|[0-9A-Fa-f]?[^0-9A-Fa-f])'
_LOOKED_AT = 32  # rows at most, of all that may tell another path; each is two questions to a disk or bucket
_URL = r"(?i)^(?:file:/|[a-z][a-z0-9+.-]+://)"
_BACKSLASH = "\\"


def told_path(text: str, is_of_windows: bool = False) -> str:
    """The path that a row tells: of a URI with blanks for `%20`, of a web server's address without query and fragment.

    Args:
        text: What the row says.
        is_of_windows: See `are_of_windows`.
    """
    if file := FILE_URI.match(text):
        return text[: file.end()] + _unquoted(text[file.end() :])
    if _WEB.match(text):
        path = re.split("[?#]", text, maxsplit=1)[0]
        told = _unquoted(path)
        return told_apart(told, text.encode()) if path != text and told.endswith("/") else told
    return text.replace(_BACKSLASH, "/") if is_of_windows and "://" not in text else text


def told_apart(path: str, text: bytes) -> str:
    """Another path for each row that would tell the same: its text, which may be a signature, cannot be seen in it."""
    bare, suffix = os.path.splitext(path)
    mark = f"({hashlib.sha256(text).hexdigest()[:16]})"
    return f"{bare}{mark}" if bare.endswith("/") else f"{bare} {mark}{suffix}"


def spelled_names(text: str) -> tuple[str, str] | None:
    """The names that a row may mean: as it stands, and without quoting or backslashes; None of a bucket or the web."""
    if file := FILE_URI.match(text):
        name = text[file.end() :]
        plain = unquote(name, errors="surrogateescape")
        return name, name if "\0" in plain else plain
    return None if "://" in text else (text, text.replace(_BACKSLASH, "/"))


@dataclass(frozen=True)
class Meaning:
    """Which rows of a table tell another path than they write, of those that may: all, none, or each by its file.

    Attributes:
        is_other: Whether all do; where some do, whether those do whose files do not tell.
        told_by_file: Whether a row does, None where its file does not tell; asked for each row where some do.
    """

    is_other: bool
    told_by_file: Callable[[str], bool | None] | None = None

    def are_other(self, texts: pa.StringArray, may_be: pa.BooleanArray) -> pa.BooleanArray:
        """Which of these rows do, of those that may."""
        if self.told_by_file is None:
            return pc.and_(may_be, self.is_other)
        told = map(self.told_by_file, texts.filter(may_be).to_pylist())
        are_other = [self.is_other if one is None else one for one in told]
        return pc.replace_with_mask(may_be, may_be, pa.array(are_other, pa.bool_()))


def with_told_paths(
    rows: pa.RecordBatch, of_windows: Callable[[], Meaning], of_files: Callable[[], Meaning]
) -> pa.RecordBatch:
    """The same rows with the paths that they tell; the text of one that says it otherwise is its `raw_path`.

    Args:
        rows: See `table_rows.FOUND`.
        of_windows: Asked where a row has a backslash; see `are_of_windows`.
        of_files: Asked where a row of `file:` has a `%`; see `are_quoted`.
    """
    texts = rows["path"]
    if rows["position"].null_count == 0 or not _have_marks(texts):
        return rows
    is_other = pc.match_substring_regex(texts, _MAY_TELL_OTHER)
    for may_be, meaning in ((_may_be_quoted(texts), of_files), (_may_be_of_windows(texts), of_windows)):
        if pc.any(may_be).as_py():
            is_other = pc.or_(is_other, meaning().are_other(texts, may_be))
    is_other = pc.and_(is_other, pc.is_null(rows["position"]))
    if not pc.any(is_other).as_py():
        return rows
    told = [told_path(text, is_of_windows=True) for text in texts.filter(is_other).to_pylist()]
    paths = pc.replace_with_mask(texts, is_other, pa.array(told, pa.string()))
    raw = pc.if_else(pc.not_equal(paths, texts), texts.cast(pa.binary()), rows["raw_path"])
    columns = {name: rows[name] for name in rows.schema.names} | {"path": paths, "raw_path": raw}
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=rows.schema)


def are_of_windows(batches: Iterable[pa.RecordBatch], is_there: Callable[[str], bool]) -> Meaning:
    """Whether backslashes in a table's paths part folders, as those of Windows.

    The files that are there tell; see `_told_by_files`. If none does, they are where most paths have a backslash and
    none a slash.

    Args:
        batches: All of its rows.
        is_there: Whether there is a file of this name.
    """
    num_rows, num_parted, have_slashes, some = 0, 0, False, _SomeRows()
    for rows in batches:
        texts = rows["path"].filter(pc.is_null(rows["position"]))
        texts = texts.filter(pc.invert(pc.match_substring_regex(texts, _URL)))
        have_slashes = have_slashes or bool(pc.any(pc.match_substring(texts, "/")).as_py())
        parted = texts.filter(pc.match_substring(texts, _BACKSLASH))
        num_rows, num_parted = num_rows + len(texts), num_parted + len(parted)
        some.see(parted)
    return _told_by_files(some.texts, is_there, by_text=2 * num_parted > num_rows and not have_slashes)


def are_quoted(batches: Iterable[pa.RecordBatch], is_there: Callable[[str], bool]) -> Meaning:
    """Whether `%20` is a blank in a table's rows of `file:`, as in URIs; Spark and fsspec write names as they are.

    The files that are there tell; see `_told_by_files`. If none does, it is where no row has what no URI has, as a
    blank.

    Args:
        batches: All of its rows.
        is_there: Whether there is a file of this name.
    """
    are_uris, some = True, _SomeRows()
    for rows in batches:
        texts = rows["path"].filter(pc.is_null(rows["position"]))
        texts = texts.filter(pc.match_substring_regex(texts, _OF_FILE))
        are_uris = are_uris and not pc.any(pc.match_substring_regex(texts, _IN_NO_URI)).as_py()
        some.see(texts.filter(_may_be_quoted(texts)))
    return _told_by_files(some.texts, is_there, by_text=are_uris)


class _SomeRows:
    """Some of a table's rows, the same of the same table: drawn, as kinds may take turns."""

    def __init__(self) -> None:
        self._draw = np.random.default_rng(0)
        self._drawn: list[tuple[float, str]] = []

    def see(self, texts: pa.StringArray) -> None:
        """Take a table's next rows into account."""
        lots = self._draw.random(len(texts))
        least = np.argsort(lots)[:_LOOKED_AT]
        drawn = zip(lots[least].tolist(), texts.take(pa.array(least)).to_pylist(), strict=True)
        self._drawn = sorted([*self._drawn, *drawn])[:_LOOKED_AT]

    @property
    def texts(self) -> list[str]:
        """At most `_LOOKED_AT`."""
        return [text for _, text in self._drawn]


def _told_by_files(some: list[str], is_there: Callable[[str], bool], by_text: bool) -> Meaning:
    """What rows mean of which a file is there under one of both names alone; where they differ, each row by its own.

    If there is no such file, all are as they stand where one is there under both, else as their texts tell.
    """

    def found(text: str) -> tuple[bool, bool]:
        name, other = spelled_names(text) or (text, text)
        return is_there(name), is_there(other)

    def told(text: str) -> bool | None:
        is_raw, is_other = found(text)
        return None if is_raw == is_other else is_other

    seen = set(map(found, some))
    if {(True, False), (False, True)} <= seen:
        return Meaning(by_text, told)
    if (False, True) in seen:
        return Meaning(True)
    return Meaning(by_text and seen <= {(False, False)})


def _may_be_quoted(texts: pa.StringArray) -> pa.BooleanArray:
    return pc.match_substring_regex(texts, _MAY_BE_QUOTED)


def _may_be_of_windows(texts: pa.StringArray) -> pa.BooleanArray:
    return pc.and_not(pc.match_substring(texts, _BACKSLASH), pc.match_substring_regex(texts, _URL))


def _unquoted(text: str) -> str:
    plain = readable_bytes(unquote_to_bytes(text))[0]
    return text if "\0" in plain else plain


def _have_marks(texts: pa.StringArray) -> bool:
    _, places, content = texts.buffers()
    if content is None:
        return False
    offsets = memoryview(places).cast("i")
    said = bytes(memoryview(content)[offsets[texts.offset] : offsets[texts.offset + len(texts)]])
    return any(mark in said for mark in _MARKS)
