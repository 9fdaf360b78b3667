"""Addresses of clusters, without the passwords in them."""

import re
from collections.abc import Collection

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


def _credentials(address: str) -> list[str]:
    """All before the @, and its parts: a library may show one of them alone."""
    credentials = address.partition("://")[2].rpartition("@")[0] or address.rpartition("@")[0]
    return [credentials, *re.split("[:/@?#]", credentials)]
