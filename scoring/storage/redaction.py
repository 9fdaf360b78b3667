"""Text without the secrets that URLs in it hold: for messages, records and pages."""

import re

_HIDDEN = "***"
# As far as the last @ of a word: passwords hold slashes, colons and @ themselves. A Path keeps one slash of two.
_CREDENTIALS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*:/{1,3})(?:[^\s/@:]*:\S*|[^\s/?#@]*)@")
# Signed URLs of S3, Google and Azure, and what others call their keys.
_SIGNED = re.compile(
    r"([?&;](?:x-(?:amz|goog)-[\w-]+|sig|[\w.-]*(?:signature|token|secret|passw(?:or)?d|accesskeyid|api_?key))=)"
    r"[^\s&#\"'<>]+",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Replace credentials before the @ of a URL, and the values of what signs one, by stars."""
    return _SIGNED.sub(rf"\1{_HIDDEN}", _CREDENTIALS.sub(rf"\1{_HIDDEN}@", text))
