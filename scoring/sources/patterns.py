"""Names that stand for several files, as in a shell: the range `x-{000..012}.tar`, or `*.jpg`, which is not read.

Of a pattern that names the parts of a table see `table_folder`.
"""

import re
from collections.abc import Iterator

from scoring.errors import ImagesError
from scoring.storage.locations import Location

_MARKS = "*?{"
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MAX_FILES = 1_000_000


def is_called_pattern(name: str) -> bool:
    """Whether a name that no file has may have been meant as a pattern."""
    return any(mark in name for mark in _MARKS)


def expand_range(pattern: Location) -> list[Location]:
    """The files that a place stands for: several, if its name has a range and no file has it; see `TarSource.at`."""
    if not _RANGE.search(pattern.name) or pattern.is_file():
        return [pattern]
    return [pattern.parent / name for name in _expand(pattern.name)]


def _expand(name: str) -> Iterator[str]:
    """`x-{08..10}.tar` names x-08.tar, x-09.tar and x-10.tar, as in a shell."""
    found = _RANGE.search(name)
    if not found:
        yield name
        return
    first, last = found.groups()
    if not 0 <= int(last) - int(first) < _MAX_FILES:
        raise ImagesError(f"Expected a range such as {{000..012}} in `images`; received {found[0]}.")
    for number in range(int(first), int(last) + 1):
        yield from _expand(f"{name[: found.start()]}{number:0{len(first)}d}{name[found.end() :]}")
