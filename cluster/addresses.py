"""Addresses of clusters: shown without the passwords in them, and compared."""

import re
import socket
from collections.abc import Collection
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

_SHORTEST_SECRET = 4  # a shorter value would be found in half the words of a message
_LONGEST = 300  # characters of a reason


def without_password(address: str) -> str:
    """An address as it may be shown."""
    scheme, separator, rest = address.partition("://")
    return scheme + separator + rest.rpartition("@")[2] if separator else address.rpartition("@")[2]


def hide_secrets(text: str, secrets: Collection[str] = (), address: str | None = None) -> str:
    """A text in one line, in which secrets, and what an address has before its @, are stars."""
    for secret in sorted([*secrets, *_credentials(address or "")], key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "***")
    return " ".join(text.split())[:_LONGEST]


def reason_of(error: BaseException, secrets: Collection[str] = (), address: str | None = None) -> str:
    """What an exception says, likewise; its name where it says nothing."""
    return hide_secrets(str(error), secrets, address) or type(error).__name__


def is_same_server(address: str, other: str) -> bool:
    """Whether HOST:PORT or HOST names the server at the other HOST:PORT; this machine has several names."""
    try:
        one, two = urlsplit(f"//{address}"), urlsplit(f"//{other}")
        is_same_port = one.port in (None, two.port)
    except ValueError:  # not an address
        return False
    return is_same_port and not _machines(one.hostname).isdisjoint(_machines(two.hostname))


def _machines(host: str | None) -> set[str]:
    """The IP addresses of a host; those of this machine are one."""
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        return {"" if _is_here(family, place) else str(place[0]) for family, _, _, _, place in found}
    return set()


def _is_here(family: int, place: tuple[Any, ...]) -> bool:
    """Whether it is an address of this machine: nobody can listen on those of others."""
    try:
        with socket.socket(family) as probe:
            probe.bind((place[0], 0))
    except OSError:
        return False
    return True


def _credentials(address: str) -> list[str]:
    """All before the @, and its parts: a library may show one of them alone."""
    credentials = address.partition("://")[2].rpartition("@")[0] or address.rpartition("@")[0]
    return [credentials, *re.split("[:/@?#]", credentials)]
