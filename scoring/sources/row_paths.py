"""Which path a row of a table tells, for ids, labels, splits and files of labels; it is read by its text as it stands.

Rows of Windows part folders by backslashes, URIs quote blanks and accents, and what follows the path in the address of
a web server may be a signature.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from urllib.parse import unquote, unquote_to_bytes

import pyarrow as pa
import pyarrow.compute as pc

from scoring.sources.entries import readable_bytes

FILE_URI = re.compile(r"file:(?://(?:localhost)?)?(?=/)", re.IGNORECASE)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_MARKS = (b"\\", b"%", b"?", b"#")  # a row without one tells what it says; to look at each takes many times as long
_MAY_TELL_OTHER = r"(?is)^https?://.*[%?#]"
_OF_FILE = r"(?i)^file:/"
_MAY_BE_QUOTED = r"(?is)^file:/.*%"
# By RFC 3986, but for letters such as `ö`, which Java and browsers leave as they are; also a `%` without two digits.
_IN_NO_URI = r'[\x00-\x20"<>\\^`{|}\x7f]|%(?:[0-9A-Fa-f]?$|[0-9A-Fa-f]?[^0-9A-Fa-f])'
_LOOKED_AT = 16  # rows that may be quoted
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
    """The file's name in a row of `file:` as it stands, and with blanks for `%20`; None for any other row."""
    if not (file := FILE_URI.match(text)):
        return None
    name = text[file.end() :]
    plain = unquote(name, errors="surrogateescape")
    return name, name if "\0" in plain else plain


def with_told_paths(
    rows: pa.RecordBatch, is_of_windows: Callable[[], bool], is_quoted: Callable[[], bool]
) -> pa.RecordBatch:
    """The same rows with the paths that they tell; the text of one that says it otherwise is its `raw_path`.

    Args:
        rows: See `table_rows.FOUND`.
        is_of_windows: Asked where a row has a backslash; see `are_of_windows`.
        is_quoted: Asked where a row of `file:` has a `%`; see `are_quoted`.
    """
    texts = rows["path"]
    if rows["position"].null_count == 0 or not _have_marks(texts):
        return rows
    is_other = pc.match_substring_regex(texts, _MAY_TELL_OTHER)
    may_be_quoted = pc.match_substring_regex(texts, _MAY_BE_QUOTED)
    if pc.any(may_be_quoted).as_py() and is_quoted():
        is_other = pc.or_(is_other, may_be_quoted)
    parted = pc.and_not(pc.match_substring(texts, _BACKSLASH), pc.match_substring_regex(texts, _URL))
    parts_folders = bool(pc.any(parted).as_py()) and is_of_windows()
    if parts_folders:
        is_other = pc.or_(is_other, parted)
    is_other = pc.and_(is_other, pc.is_null(rows["position"]))
    if not pc.any(is_other).as_py():
        return rows
    told = [told_path(text, parts_folders) for text in texts.filter(is_other).to_pylist()]
    paths = pc.replace_with_mask(texts, is_other, pa.array(told, pa.string()))
    raw = pc.if_else(pc.not_equal(paths, texts), texts.cast(pa.binary()), rows["raw_path"])
    columns = {name: rows[name] for name in rows.schema.names} | {"path": paths, "raw_path": raw}
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=rows.schema)


def are_of_windows(batches: Iterable[pa.RecordBatch], is_there: Callable[[str], bool]) -> bool:
    """Whether a table's paths are of Windows: most have a backslash, none a slash, and the first is no file's own name.

    Args:
        batches: All of its rows.
        is_there: Whether there is a file of this name.
    """
    num_rows, num_parted, first = 0, 0, ""
    for rows in batches:
        texts = rows["path"].filter(pc.is_null(rows["position"]))
        texts = texts.filter(pc.invert(pc.match_substring_regex(texts, _URL)))
        if pc.any(pc.match_substring(texts, "/")).as_py():
            return False
        parted = texts.filter(pc.match_substring(texts, _BACKSLASH))
        num_rows, num_parted = num_rows + len(texts), num_parted + len(parted)
        first = first or (parted[0].as_py() if len(parted) else "")
    return 2 * num_parted > num_rows and not is_there(first)


def are_quoted(batches: Iterable[pa.RecordBatch], is_there: Callable[[str], bool]) -> bool:
    """Whether `%20` is a blank in a table's rows of `file:`, as in URIs; Spark and fsspec write names as they are.

    It is where none has what no URI has, as a blank, and the first file that is there under one of both names alone
    has the unquoted one. If that tells nothing, the first row is as it stands where there is such a file.

    Args:
        batches: All of its rows.
        is_there: Whether there is a file of this name.
    """
    first = list[str]()
    for rows in batches:
        texts = rows["path"].filter(pc.is_null(rows["position"]))
        texts = texts.filter(pc.match_substring_regex(texts, _OF_FILE))
        if pc.any(pc.match_substring_regex(texts, _IN_NO_URI)).as_py():
            return False
        if len(first) < _LOOKED_AT:
            first += texts.filter(pc.match_substring(texts, "%"))[: _LOOKED_AT - len(first)].to_pylist()
    found = [[is_there(name) for name in names] for text in first if (names := spelled_names(text))]
    told = [is_plain for is_raw, is_plain in found if is_raw != is_plain]
    return told[0] if told else not (found and found[0][0])


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
