"""Text that is shown, in messages, records and on pages: without the secrets of URLs, and with nothing unseen."""

import re
import shlex
import unicodedata
from collections.abc import Iterable

_HIDDEN = "***"
# Invisible characters that can reorder or hide what a name says; without them, a name is what it looks like.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # of scripts and emoji: they change letters, and hide nothing
_SHOWN = 255  # characters of a text in a message: all of a file's name
# As far as the last @ of a word: passwords hold slashes, colons and @ themselves. A Path keeps one slash of two.
# Of a scheme without end the last letters do.
_CREDENTIALS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,40}:/{1,3})(?:[^\s/@:]*:\S*|[^\s/?#@]*)@")
# Signed URLs of S3, Google, Azure and Akamai, and what others call their keys; also as clients encode them in a URL of
# their own, where the value is taken as far as that URL goes. A short `key` or `code` may tell one photo from another.
_SIGNED = re.compile(
    r"((?:[?&;#]|%(?:25)*(?:3F|26|3B|23))"
    r"(?:x-(?:amz|goog)-[\w-]+|sig|hmac|jwt|pwd|auth|authorization|policy|hdn(?:ts|ea|tl)|(?:key|code)(?=[=%][\w%=-]{20})"
    r"|[\w.-]*(?:signature|token|secret|passw(?:or)?d|passphrase|credentials?|sessionid|accesskeyid|api_?key))"
    r"(?:=|%(?:25)*3D))"
    r"[^\s&#\"'<>]+",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Replace credentials before the @ of a URL, and the values of what signs one, by stars."""
    return _SIGNED.sub(rf"\1{_HIDDEN}", _CREDENTIALS.sub(rf"\1{_HIDDEN}@", text))


def visible(text: str) -> str:
    r"""Replace control characters, line breaks and marks that turn the direction of text by `\uNNNN`."""
    if text.isprintable():
        return text
    return "".join(_escape(character) if _is_invisible(character) else character for character in text)


def command_line(words: Iterable[str]) -> str:
    r"""Words as a shell takes them, for a command that is shown: where one holds what cannot be seen, as `$'a\012b'`.

    bash, zsh and ksh read that, and in octal numbers in any locale. So is a backtick, which marks words in messages.
    """
    return " ".join(_quoted(word) for word in words)


def _quoted(word: str) -> str:
    if "`" not in word and visible(word) == word:
        return shlex.quote(word)
    escaped = word.replace("\\", r"\\").replace("'", r"\'")
    return f"$'{''.join(_octal(each) if each == '`' or _is_invisible(each) else each for each in escaped)}'"


def _octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode(errors="surrogatepass"))


def _is_invisible(character: str) -> bool:
    is_no_character = ord(character) & 0xFFFE == 0xFFFE  # for ever; XML refuses them
    return is_no_character or (character not in _JOINERS and unicodedata.category(character) in _INVISIBLE)


def _escape(character: str) -> str:
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"


def brief(text: object) -> str:
    """A text for a message: of a long one, how it begins and ends."""
    whole = redact(str(text))  # before half of a secret no longer looks like one
    return whole if len(whole) <= _SHOWN else f"{whole[: _SHOWN // 2]}...{whole[-_SHOWN // 2 :]}"
