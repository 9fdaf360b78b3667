"""What Databricks writes beside a table's parts: which of its writes came to their end, and what these replaced.

Source: Databricks, "Transactional Writes to Cloud Storage": `_started_T` and `_committed_T` of the write `T`, whose
parts are called `part-00000-tid-T-...`; the latter is JSON with names, `added` and `removed`, relative to its folder.
"""

import json
import re
from collections.abc import Iterable

from scoring.errors import BucketError
from scoring.storage.locations import Location, file_below
from scoring.storage.reading import open_file

_MARK = re.compile(r"(?P<above>(?:.*/)?)_(?P<kind>started|committed)_(?P<write>\d+)", re.DOTALL)


def is_mark(name: str) -> bool:
    """Whether a path in a table's folder is that of such a file."""
    return _MARK.fullmatch(name) is not None


def mark_against(folder: Location, marks: Iterable[str], parts: Iterable[str]) -> Location | None:
    """One of the files by which a part does not count, or that cannot be read; None if all count.

    Raises:
        BucketError: If the bucket of the folder cannot be reached.
    """
    present, ended = frozenset(parts), frozenset(marks)
    for mark in sorted(ended):
        found = _MARK.fullmatch(mark)
        if not found:
            continue
        above, write = found["above"], found["write"]
        if found["kind"] == "committed":
            is_against = not present.isdisjoint(above + name for name in _removed(file_below(folder, mark), present))
        elif f"{above}_committed_{write}" in ended:
            continue
        else:
            is_against = any(part.startswith(above) and f"-tid-{write}-" in part for part in present)
        if is_against:
            return file_below(folder, mark)
    return None


def _removed(mark: Location, every: Iterable[str]) -> Iterable[str]:
    """Names of the parts that a write replaced; every one where the file does not say it."""
    try:
        with open_file(mark) as file:
            return [str(name) for name in json.load(file)["removed"]]
    except BucketError:
        raise
    except (OSError, ValueError, KeyError, TypeError):
        return [name.rpartition("/")[2] for name in every]
