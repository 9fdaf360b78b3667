"""Answers of web servers: which of them are the file that was asked for, and which something in its place."""

import errno
import re

import requests

from scoring.errors import BucketError
from scoring.storage.doubtful_bytes import DoubtfulBytes

# What may pass by itself: too slow, too early, too many requests, and faults of the server or of a proxy before it, but
# for what it does not know at all.
TRANSIENT = frozenset({408, 425, 429, *range(500, 600)} - {501, 505})
# Closed to us now: a signature that has expired, a login, a server's word to one that asks too much. Not asked again.
_CLOSED = frozenset({401, 403, 407, 423, 451})
_NOT_FOUND = 404  # 410 says: and will not be again
_WITH_CONTENT = frozenset({200, 203})
_PARTIAL = 206
_RANGE = re.compile(r"bytes (?P<first>\d+)-(?P<last>\d+)/(?P<size>\d+|\*)", re.IGNORECASE)
_COMPRESSED = re.compile(r"\b(?:gzip|deflate|br|zstd|compress)\b", re.IGNORECASE)  # others are sent, and mean nothing
_OF_REQUESTS = range(400, 600)  # outside of it, what is no content is a moment's: not made yet, seen elsewhere, unknown
_PAGE = re.compile(r"text/|application/(?:.*\+)?(?:json|xml|xhtml|problem)|multipart/")
_FILE = re.compile(r"image/|[a-z]+/octet-stream")
_SVG = "image/svg"
# What no text has near its beginning but UTF-16, which is marked as such: WHATWG MIME Sniffing, 7.2.
_BINARY = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_NEAR_BEGINNING = 1445  # bytes
_UTF_16 = (b"\xfe\xff", b"\xff\xfe")


def refuse_other(answer: requests.Response, name: str) -> None:
    """Raise what an answer says that has no file's content in it.

    Raises:
        FileNotFoundError: If there is no such file.
        BucketError: If it is another; its `errno` is EREMOTEIO where that may pass, and EACCES where it is a refusal.
    """
    code = answer.status_code
    if code in _WITH_CONTENT or (code == _PARTIAL and _is_whole(answer) is not False):
        return
    if code == _NOT_FOUND:
        raise FileNotFoundError(errno.ENOENT, f"no such file: HTTP {_NOT_FOUND}", name)
    raise BucketError(_number(code), f"the server answers HTTP {code}", name)


def _is_whole(answer: requests.Response) -> bool | None:
    """Whether a part that nobody asked for is all of the file; None if it is not told."""
    told = _RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
    if told is None:
        return None
    if told["size"] == "*":
        return None if int(told["first"]) == 0 else False
    return int(told["first"]) == 0 and int(told["last"]) + 1 == int(told["size"])


def _number(code: int) -> int | None:
    if code in TRANSIENT or code not in _OF_REQUESTS:
        return errno.EREMOTEIO
    return errno.EACCES if code in _CLOSED else None


def content_of(answer: requests.Response, content: bytes) -> bytes:
    """What was received of an answer, as `DoubtfulBytes` where it may be a page, or not all of the file."""
    doubt = _doubt(answer, content)
    if doubt is None:
        return content
    doubtful = DoubtfulBytes(content)
    doubtful.doubt = doubt
    return doubtful


def _doubt(answer: requests.Response, content: bytes) -> str | None:
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    is_text = content.startswith(_UTF_16) or not _BINARY.search(content[:_NEAR_BEGINNING])
    is_markup = content[:64].lstrip().startswith(b"<") and not kind.startswith(_SVG)
    if is_text and (_PAGE.match(kind) or is_markup or (answer.history and not _FILE.match(kind))):
        return f"the server sent what may be a page ({kind or 'of no type'})"
    if answer.status_code == _PARTIAL and _is_whole(answer) is None:
        return "the server sent a part, of which it does not say that it is all"
    if _COMPRESSED.search(answer.headers.get("Content-Encoding", "")):
        return "the server sent it compressed, of which the end may be missing"
    if "Content-Length" not in answer.headers and "chunked" not in answer.headers.get("Transfer-Encoding", "").lower():
        return "the server did not tell its size, and the end may be missing"
    return None
