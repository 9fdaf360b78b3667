"""Whether files and objects have been written since a time: for what was read by a version that kept no stamps."""

import os
import stat
from collections.abc import Callable

from scoring.errors import StorageError
from scoring.storage.durable import read_faults
from scoring.storage.locations import Location, Url, file_below
from scoring.storage.reading import Place
from scoring.storage.sections import Section


def is_written_since(place: Place, since: float) -> bool:
    """Whether a file or an object has been written since, or put where it is; True of one that cannot be there.

    A file's own time and that of its status tell: `mv`, and copies that keep times, change the latter alone. A link
    counts as what it leads to, and by its own times.

    Args:
        place: A section counts as what it is part of.
        since: Seconds since 1970.

    Raises:
        StorageError: If it cannot be looked at now.
    """
    if isinstance(place, Section):
        return is_written_since(place.whole, since)
    try:
        with read_faults(place):
            return _written_at(place) >= since
    except StorageError:
        raise
    except OSError:  # of the file itself, such as that there is none
        return True


def written_at(place: Location) -> float:
    """When a file's or an object's content was written, in seconds since 1970.

    Raises:
        StorageError: If it cannot be looked at now.
        FileNotFoundError: If it is not there.
    """
    with read_faults(place):
        return place.look()["last_modified"].timestamp() if isinstance(place, Url) else place.stat().st_mtime


def written_below(folder: Location, since: float) -> Callable[[str, bytes | None], bool]:
    """The same as `is_written_since`, of files below a folder or a prefix by their paths; the latter is listed once."""
    if isinstance(folder, Url):
        names = frozenset(folder.names_since(since))
        return lambda path, raw_path: path in names
    return lambda path, raw_path: is_written_since(file_below(folder, path, raw_path), since)


def _written_at(place: Location) -> float:
    if isinstance(place, Url):
        return written_at(place)
    own = place.lstat()
    return max(_latest(own), _latest(place.stat())) if stat.S_ISLNK(own.st_mode) else _latest(own)


def _latest(status: os.stat_result) -> float:
    return max(status.st_mtime, status.st_ctime)
