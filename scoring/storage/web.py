"""Files on the web, for reading alone: tables of images name them."""

import errno
import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from ssl import SSLCertVerificationError
from typing import Any, Self

import requests
from urllib3.exceptions import InvalidHeader, MaxRetryError, ReadTimeoutError, SSLError
from urllib3.util import Retry

from scoring.errors import BucketError, RequestError, TooLargeError
from scoring.storage.web_answers import TRANSIENT, content_of, refuse_other
from scoring.storage.web_connections import InTime, end_of_read, leave, leave_redirect

_WEB = re.compile(r"https?://", re.IGNORECASE)
_WITH_CREDENTIALS = re.compile(r"https?://[^/?#]*@", re.IGNORECASE)
_CONNECTION_S, _PART_S = 10.0, 60.0  # patience with a connection, and with each part of an answer
_LONGEST_PART_S = 86_400.0  # Python polls sockets by milliseconds of 31 bits: 24 days
_ATTEMPTS, _FIRST_WAIT_S = 5, 0.2  # further attempts after the first
_BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)
_UNREADABLE = (requests.exceptions.ContentDecodingError, requests.exceptions.InvalidHeader)
_MAY_PASS = (requests.Timeout, requests.TooManyRedirects, *_BROKEN, *_UNREADABLE)
_CONNECTIONS = 32  # kept to one server
_READ_AT_ONCE = 16 * 1024  # bytes: the time is looked at after each


@dataclass(frozen=True)
class WebUrl:
    """A file on the web. What follows a question mark or a hash may be a signature, and is in no message."""

    text: str

    def __str__(self) -> str:
        return re.split("[?#]", self.text, maxsplit=1)[0]

    def read_limited(self, limit_bytes: int, limit_s: float | None = None) -> bytes:
        """Read the file, of which no more than `limit_bytes` and a little are ever held; see also `DoubtfulBytes`.

        Args:
            limit_bytes: The most that the file may have.
            limit_s: Seconds that it may take; None for any time.

        Raises:
            FileNotFoundError: If there is no such file.
            BucketError: If it cannot be read for another reason; its `errno` is EREMOTEIO where that may pass, and
                EACCES where the server refuses it.
            TooLargeError: If there is more.
        """
        answers = list[requests.Response]()  # after one, what cannot be read is the server's fault, and may pass
        try:
            end = math.inf if limit_s is None else time.monotonic() + limit_s
            end_of_read.set(end)
            part_s = _PART_S if limit_s is None else min(_LONGEST_PART_S, limit_s)
            patience = (min(_CONNECTION_S, part_s), part_s)
            heard = {"response": [lambda answer, **_: answers.append(answer), leave_redirect]}
            with _session().get(self.text, stream=True, timeout=patience, hooks=heard) as answer:
                refuse_other(answer, str(self))
                return content_of(answer, _limited(answer, limit_bytes, end))
        except (requests.RequestException, ValueError) as error:
            number = errno.EREMOTEIO if answers or isinstance(error, _MAY_PASS) else None
            raise BucketError(number, _reason(error, is_sent_on=bool(answers)), str(self)) from error


def web_url(text: str) -> WebUrl | None:
    """What a text names on the web; None if it names something else.

    Raises:
        RequestError: If it holds credentials.
    """
    if not _WEB.match(text):
        return None
    if _WITH_CREDENTIALS.match(text):
        raise RequestError("Expected a URL without credentials; received one that names a user.")
    return WebUrl(text)


class _Patience(Retry):
    """Further attempts that begin before the time of their read is over; a server may put them off until then."""

    def increment(self, *arguments: Any, **options: Any) -> Self:
        """What is left after one more attempt.

        Raises:
            MaxRetryError: If nothing is.
        """
        if _is_untrusted(options.get("error")):
            raise MaxRetryError(options["_pool"], "", options["error"])
        left = super().increment(*arguments, **options)
        response = options.get("response")
        wait_s = (self.get_retry_after(response) if response else None) or left.get_backoff_time()
        if time.monotonic() + wait_s > end_of_read.get():
            raise MaxRetryError(options["_pool"], "", options.get("error"))
        if response:
            leave(response)  # of which urllib3 would read all
        return left

    def get_retry_after(self, response: Any) -> float | None:
        """The seconds that a server asks for; None if it names none, or none that can be read."""
        try:
            return super().get_retry_after(response)
        except InvalidHeader:
            return None


class _Adapter(InTime):
    def request_url(self, request: requests.PreparedRequest, proxies: Mapping[str, str] | None) -> str:
        """What is asked for: the path as it is, of which requests before 2.34 leave out slashes at its beginning."""
        asked: str = super().request_url(request, proxies)
        return asked if _WEB.match(asked) else request.path_url


@cache
def _session() -> requests.Session:
    """One for all threads, which is safe as long as it keeps no cookies."""
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    retry = _Patience(_ATTEMPTS, backoff_factor=_FIRST_WAIT_S, status_forcelist=TRANSIENT, raise_on_status=False)
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(pool_maxsize=_CONNECTIONS, max_retries=retry))
    return session


def _limited(answer: requests.Response, limit_bytes: int, end: float) -> bytes:
    answer.raw.enforce_content_length = True  # urllib3 before 2 takes an answer that ends early for the whole one
    parts, size = [], 0
    for part in answer.iter_content(_READ_AT_ONCE):
        size += len(part)
        if size > limit_bytes:
            raise TooLargeError
        if time.monotonic() > end:
            raise requests.Timeout
        parts.append(part)
    return b"".join(parts)


def _reason(error: requests.RequestException | ValueError, is_sent_on: bool) -> str:
    """What happened, without the URL that the library's words repeat."""
    if isinstance(error, requests.Timeout) or _is_silence(error):
        return "the server does not answer in time"
    if _is_untrusted(_behind(error)):
        return "the server's certificate is not trusted; REQUESTS_CA_BUNDLE names a file of those that are"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the server ends its answer early"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the server"
    if isinstance(error, ValueError) and is_sent_on:
        return "the server sends to an address that cannot be asked for"
    return type(error).__name__ if isinstance(error, requests.RequestException) else str(error)


def _is_silence(error: Exception) -> bool:
    """Whether the server is there and sends nothing, which the library calls a fault of the connection."""
    return isinstance(_behind(error), ReadTimeoutError)


def _is_untrusted(fault: object) -> bool:
    return isinstance(fault, SSLError) and bool(fault.args) and isinstance(fault.args[0], SSLCertVerificationError)


def _behind(error: Exception) -> object:
    """What the library was told by the one that it uses."""
    cause = error.args[0] if error.args else None
    return cause.reason if isinstance(cause, MaxRetryError) else cause
