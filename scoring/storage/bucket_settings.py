"""What the environment says of a bucket's client: its server, its connections, and what no request can be made of."""

import errno
import os
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from scoring.errors import BucketError, UnreachableError

_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_SETTINGS = {"s3": "AWS_", "az": "AZURE_", "gs": "GOOGLE_"}  # how the variables begin that a client is set up by
# What is sent as part of a header or a host's name.
_SENT = re.compile(
    r"AWS_(?:DEFAULT_)?REGION|AWS_(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)"
    r"|AZURE_(?:STORAGE_)?(?:ACCOUNT_NAME|ACCOUNT_KEY|ACCESS_KEY|SAS_TOKEN|SAS_KEY|CLIENT_ID|CLIENT_SECRET|TENANT_ID)"
)
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
    options |= {option: value for option, value in named.items() if value}
    if server_of(scheme).startswith("http://"):
        options["allow_http"] = True
    return options


def _endpoint(scheme: str) -> tuple[str, str]:
    """The variable that names the server, and its value; both empty where none does."""
    return next(((name, os.environ[name]) for name in _ENDPOINTS[scheme] if os.environ.get(name)), ("", ""))


def check_settings(scheme: str, bucket: str) -> None:
    """Refuse what no request can be made of, at which the client panics; values are not shown, they may be secret."""
    place = f"{scheme}://{bucket}"
    if not _BUCKET.fullmatch(bucket):
        text = "Expected a bucket's name of letters, digits, dots, hyphens and underscores; received another"
        raise BucketError(errno.EINVAL, text, place)
    variable, endpoint = _endpoint(scheme)
    if endpoint and not _is_address(endpoint):
        text = (
            f"Expected {variable} as http://host:port or https://host, without white space; it is set to something else"
        )
        raise UnreachableError(errno.EACCES, text, place)
    for name, value in os.environ.items():
        if name.startswith(_SETTINGS[scheme]) and _SENT.fullmatch(name) and not re.fullmatch("[!-~]*", value):
            text = f"Expected {name} in ASCII without white space; a blank, a line's end or another character is in it"
            raise UnreachableError(errno.EACCES, text, place)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(
            re.fullmatch("[!-~]+", text) and parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        )
    except ValueError:  # no port, half of an IPv6 address
        return False
