"""What a word for a place means: a path, which this user may look at, or a URL."""

import errno
import os
import re
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote

from scoring.errors import RequestError
from scoring.storage.locations import Location, Url, locate
from scoring.storage.redaction import redact

PlaceWord: TypeAlias = str | Path | Url
_JOB_FOLDERS = f"{os.sep}runtime_resources{os.sep}working_dir_files{os.sep}"  # in the folder of Ray's session
_SHOWN = 80  # characters of a text that is too long
_FILE_URI = re.compile(r"file:(?://(?:localhost)?(?=/)|(?=/(?!/)))", re.IGNORECASE)  # of this machine: RFC 8089
URL_AS_PATH = re.compile(r"\w+:/")  # a Path keeps one slash of the two


def place(value: PlaceWord, field: str) -> Location:
    """What a word for a place means.

    Raises:
        RequestError: If it is no place that we know, or a URL that has been made a Path; if it is seen from a folder
            that is gone.
    """
    if isinstance(value, Path) and URL_AS_PATH.match(without_scheme(str(value))):
        raise RequestError(
            f"Expected `{field}` as text where it is a URL; received the path {redact(str(value))}, "
            "which lacks a slash."
        )
    found = locate(text_of(value))
    if isinstance(found, Path) and not found.is_absolute():
        check_own_folder()
    _check_sayable(str(found.absolute()))
    return found


def text_of(value: PlaceWord, takes_long: bool = False) -> str:
    """A place, or a name, as the command line has it: a shell has made `~` the home folder.

    Args:
        value: What was given.
        takes_long: Whether it may be longer than a file's name.

    Raises:
        RequestError: If it is not UTF-8: neither Ray nor JSON can hand it on. If this user may not look there or has no
            home, or no file can have it as its name. If it is a file that is seen from a folder that is gone.
    """
    text = without_scheme(str(value))
    _check_sayable(text)
    if text == "~" or text.startswith("~/"):  # `~old` may lie here; a shell looks for a user of that name
        text = str(_expand_home(text))
    _check_searchable(text, takes_long)
    if not os.path.isabs(text) and os.path.exists(text):  # noqa: PTH110, PTH117  # as `..` may; a Path would raise
        check_own_folder()
    return text


def check_own_folder() -> None:
    """Refuse to go on in a folder that is gone: neither a relative path means anything there, nor does Ray start.

    Raises:
        RequestError: If it was removed since this process or its shell went there, or another took its place.
    """
    try:
        os.getcwd()  # noqa: PTH109
    except FileNotFoundError as error:
        raise RequestError(
            "Expected to be in a folder that exists; the current one was removed or replaced. Go into it again with "
            "cd, or into another."
        ) from error


def without_scheme(text: str) -> str:
    """The path that a URI of a file on this machine means, as `as_uri` of pathlib writes it; any other text as it is.

    Raises:
        RequestError: If the URI is of another machine, or of a relative path.
    """
    if local := _FILE_URI.match(text):
        return unquote(text[local.end() :], errors="surrogateescape")
    if text[:7].lower() == "file://":  # not shown: it may hold a password
        raise RequestError(
            "Expected file:// and the absolute path of a file on this machine, file:///data/photos; received another "
            "machine's, or a relative path. Write the path without file://."
        )
    return text


def _expand_home(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise RequestError(f"Expected a home folder for {text}; this user has none. Write the path out.") from error


def _check_sayable(text: str) -> None:
    if "\0" in text:
        raise RequestError(f"Expected paths and names that a file can have; received {redact(text)!r}, with a NUL.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RequestError(
            f"Expected paths and names in UTF-8; received {redact(text)!r}. Rename it, or make a link to "
            "it with a name in UTF-8."
        ) from error


def _check_searchable(text: str, takes_long: bool) -> None:
    """Refuse what lies in a folder that may not be searched, or is one: whatever asks for a file there would raise."""
    path = Path(text)
    try:
        is_closed = path.is_dir() and not os.access(path, os.X_OK)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG and not takes_long:
            raise RequestError(
                f"Expected paths and names that a file can have; received one of {len(text):,} characters, which is "
                f"too long: {redact(text[:_SHOWN])!r}..."
            ) from error
        is_closed = isinstance(error, PermissionError)  # others: what needs it says so
    if is_closed:
        raise RequestError(
            f"Expected paths that this user may look at; {redact(text)} is, or lies in, a folder that may not be "
            "searched. Ask its owner for chmod +x."
        )


def here(value: PlaceWord, field: str) -> Path:
    """A file or folder on this machine.

    Raises:
        RequestError: If it is in a bucket.
    """
    found = place(value, field)
    if not isinstance(found, Path):
        raise RequestError(f"Expected `{field}` on this machine; received {found}.")
    return found


def is_in_job_folder(path: str = "") -> bool:
    """Whether a path, or else this process, is in the folder that Ray has unpacked for a job, for a while."""
    try:
        return _JOB_FOLDERS in f"{Path.cwd() / path}{os.sep}"
    except FileNotFoundError:  # the folder that this process runs in was removed
        return False
