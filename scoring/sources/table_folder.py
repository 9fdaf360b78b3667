"""Which files of a folder are the parts of a table: all that look so, or those that a pattern names."""

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import PurePosixPath

from scoring.errors import ImagesError
from scoring.sources.entries import readable_name
from scoring.sources.suffixes import PARQUET_HEAD, is_parquet
from scoring.sources.table_commits import is_mark
from scoring.sources.table_logs import log_of
from scoring.storage.locations import Location, file_below
from scoring.storage.reading import read_range
from scoring.storage.walking import Fault, is_hidden, walk

_LOOKED_AT = 1000  # files of a folder that tell whether it is a table
_LOOKED_INTO = 20


def is_pattern(table: Location) -> bool:
    """Whether a name stands for several files: `part-*.parquet`, unless it is that of a file or folder itself."""
    return is_parquet(table.name) and any(mark in table.name for mark in "*?[") and not table.exists()


def is_table_folder(folder: Location) -> bool:
    """Whether a folder holds the parts of a table and nothing else, by the first thousand files in it."""
    num_parts = 0
    names = (file.name for file in walk(folder) if not (file.fault or is_aside(file.name)))
    for name in islice(names, _LOOKED_AT):
        if not is_parquet(name):
            return False
        num_parts += 1
    return num_parts > 0


def is_part(path: str) -> bool:
    """Whether a path in the folder of a table is that of a part of it."""
    return is_parquet(path) and not is_aside(path)


def is_aside(path: str) -> bool:
    """Whether people do not see it, or it is a mark that Spark and Hive leave: `_SUCCESS`, `_metadata`.

    `_year=2026` is a folder of parts, of a column of that name.
    """
    return is_hidden(path) or any(step.startswith("_") and "=" not in step for step in PurePosixPath(path).parts)


def unnamed_part(folder: Location) -> Location | None:
    """A file in a folder that is Parquet by its first bytes, as Hive's `000000_0`, among the first few."""
    names = (file.name for file in walk(folder) if not (file.fault or is_aside(file.name)))
    for name in islice(names, _LOOKED_INTO):
        file = file_below(folder, *readable_name(name))
        with suppress(OSError):
            if read_range(file, 0, len(PARQUET_HEAD)) == PARQUET_HEAD:
                return file
    return None


def parts_in(folder: Location, marks: list[str]) -> Iterator[str]:
    """Names of the parts in a folder, from there; those of Databricks' marks are added to `marks`.

    Raises:
        ImagesError: If one may not count by a log, or cannot be reached, or a folder cannot that may hold some.
    """
    for file in walk(folder):
        if is_mark(file.name):
            marks.append(file.name)
        if log := log_of(file.name):
            raise not_all_count(folder, file_below(folder, log))
        may_hold_parts = file.name.endswith("/") and file.fault is not Fault.SEARCHED and not is_aside(file.name)
        may_be_part = is_part(file.name) or may_hold_parts
        if file.fault and may_be_part:
            raise ImagesError(
                f"Expected a table whose parts can all be read; {file_below(folder, *readable_name(file.name))} "
                f"cannot ({file.fault}). Bring it back, or remove it."
            )
        if may_be_part:
            yield file.name


def not_all_count(folder: Location, log: Location) -> ImagesError:
    """What to raise where a log says which parts of the table in a folder count."""
    return ImagesError(
        f"Expected a table all of whose parts count; {log} tells which do, and is not read here. Write the table's "
        f"rows as plain Parquet{_or_pattern(folder)}."
    )


def _or_pattern(folder: Location) -> str:
    """Advice to name the parts by a pattern, if one finds them all: where they lie in one folder."""
    parts = [PurePosixPath(file.name) for file in walk(folder) if is_part(file.name)]
    patterns = {(part.parent / f"*{part.suffix}").as_posix() for part in parts}
    if len(patterns) != 1:
        return ""
    pattern = file_below(folder, patterns.pop())
    return f", or, if no part was ever replaced, name them by a pattern such as {pattern}"
