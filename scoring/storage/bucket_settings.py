"""What the environment says of a bucket's client: its server, its connections, and what no request can be made of."""

import errno
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from obstore.exceptions import BaseError
from obstore.store import HTTPStore

from scoring.errors import BucketError, UnreachableError

_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_TAKEN_EMPTY = "AWS_ENDPOINT_URL_S3"  # also beside one of the others, which the client knows by one name
_SETTINGS = {"s3": "AWS_", "az": "AZURE_", "gs": "GOOGLE_"}  # how the variables begin that a client is set up by
_SIGNED_WITH = ("AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN")  # and sent in a header; a secret key is not
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")  # the first counts
_ACCOUNTS = ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_ACCOUNT_NAME")
_NO_HEADER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # RFC 9110, 5.5
_NO_HOST = re.compile("[^!-~]|[%:]")
_TRUE = frozenset({"1", "true", "on", "yes", "y"})  # as object_store reads them
_BUCKET = re.compile(r"(?!\.{1,2}$)[\w.$-]{1,255}", re.ASCII)
# What may come or go without a pause, as gigabytes over a slow line. Of a whole transfer there is a limit for what is
# written alone: until its answer begins, the client sees no pause.
PAUSE_S = 30
_LONGEST_READ = timedelta(days=1)
_CLIENT_OPTIONS = (
    *("allow_http", "allow_invalid_certificates", "connect_timeout", "http1_only", "http2_only", "pool_idle_timeout"),
    *("proxy_ca_certificate", "proxy_excludes", "proxy_url", "randomize_addresses", "read_timeout", "timeout"),
    *("root_certificate", "user_agent"),
)


def variables() -> frozenset[tuple[str, str | None]]:
    """All that a client is set up by, as it is now."""
    begin = tuple(_SETTINGS.values())
    return frozenset((name, os.environ.get(name)) for name in os.environ if name.startswith(begin))  # in 13 us


def server_of(scheme: str) -> str:
    """The address of the server that the environment names; empty for the cloud's own."""
    return _endpoint(scheme)[1]


def server_and_account(scheme: str) -> tuple[str, ...]:
    """What of the environment decides which bucket a name means."""
    accounts = _ACCOUNTS if scheme == "az" else ()
    return (server_of(scheme), *(os.environ.get(name, "") for name in accounts))


def client_options(scheme: str, put_s: int | None) -> dict[str, Any]:
    """How to connect: what the environment says of it goes first, which the client does not read where any is given.

    Args:
        scheme: Of the bucket.
        put_s: How long one PUT may take; None for a client that reads, and writes what is small.
    """
    options: dict[str, Any] = {"timeout": timedelta(seconds=put_s)} if put_s else {"timeout": _LONGEST_READ}
    if not put_s:
        options["read_timeout"] = timedelta(seconds=PAUSE_S)
    named = {option: os.environ.get(f"{_SETTINGS[scheme]}{option.upper()}") for option in _CLIENT_OPTIONS}
    options |= {option: value for option, value in named.items() if value and _is_taken(option, value)}
    if server_of(scheme).startswith("http://"):
        options["allow_http"] = True
    return options


@cache
def _is_taken(option: str, value: str) -> bool:
    """Whether the client can use it in this form: some mean a number of seconds, or a file, by the same variables."""
    if option.startswith("proxy_"):  # nothing goes past a proxy because its address is wrong
        return True
    if option.endswith("timeout") and not value.strip("0"):
        return False
    try:
        options: Any = {option: value}
        HTTPStore("http://127.0.0.1", client_options=options)
    except (BaseError, ValueError):
        return False
    return True


def _endpoint(scheme: str) -> tuple[str, str]:
    """The variable that names the server, and its value, also of one that is empty; both empty where there is none."""
    present = [(name, os.environ[name]) for name in _ENDPOINTS[scheme] if name in os.environ]
    taken = (one for one in present if one[1] or one[0] == _TAKEN_EMPTY)
    return [*taken, *present, ("", "")][0]


def named_by(scheme: str, words: str) -> str:
    """The variables that a client's words may be about: those whose value they quote, or that are empty; in words."""
    of_scheme = ((name, value or "") for name, value in variables() if name.startswith(_SETTINGS[scheme]))
    named = sorted(name for name, value in of_scheme if not value.strip() or f'"{value}"' in words)
    return f"; see {', '.join(named)}, set to that or to nothing" if named else ""


def check_settings(scheme: str, bucket: str) -> None:
    """Refuse what no request can be made of, at which the client panics; values are not shown, they may be secret."""
    place = f"{scheme}://{bucket}"
    if not _BUCKET.fullmatch(bucket):
        text = "Expected a bucket's name of letters, digits, dots, hyphens and underscores; received another"
        raise BucketError(errno.EINVAL, text, place)
    variable, endpoint = _endpoint(scheme)
    if variable and not _is_address(endpoint):
        received = "it is set to something else" if endpoint else "it is empty: unset it"
        text = f"Expected {variable} as http://host:port or https://host, without white space; {received}"
        raise UnreachableError(errno.EACCES, text, place)
    for name in _unsendable(scheme, is_in_host=not endpoint):
        text = f"Expected {name} in one line, without characters that cannot be sent; such a one is in it"
        raise UnreachableError(errno.EACCES, text, place)


def _unsendable(scheme: str, is_in_host: bool) -> Iterator[str]:
    """The variables that are used and hold what their place in a request cannot."""
    sent: tuple[str, ...] = _ACCOUNTS if scheme == "az" else ()
    if scheme == "s3":
        region = next((name for name in _REGIONS if name in os.environ), None)
        if region and is_in_host and _NO_HOST.search(os.environ[region]):
            yield region
        is_signed = os.environ.get("AWS_SKIP_SIGNATURE", "").lower() not in _TRUE
        sent = (*_SIGNED_WITH, region or "") if is_signed else ()
    yield from (name for name in sent if _NO_HEADER.search(os.environ.get(name, "")))


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(
            re.fullmatch("[!-~]+", text) and parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        )
    except ValueError:  # no port, half of an IPv6 address
        return False
