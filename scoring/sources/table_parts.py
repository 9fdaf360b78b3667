"""The Parquet files that one table is made of: one file, those that match a pattern, or all in a folder."""

import hashlib
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import filterfalse, islice
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.errors import BucketError, ImagesError
from scoring.sources.entries import readable_name
from scoring.sources.natural_order import natural_key
from scoring.sources.suffixes import PARQUET_HEAD, is_parquet
from scoring.sources.table_commits import is_mark, mark_against
from scoring.storage.git_lfs import pointer_hint
from scoring.storage.locations import (
    Location,
    file_below,
    find_files,
    locate,
    machine_path,
    names_of,
    readable,
    some_names,
)
from scoring.storage.reading import open_file, read_range, stamp_at, stamps_at
from scoring.storage.stamps import stamp_of
from scoring.storage.walking import Fault, is_hidden, walk

_LOOKED_AT = 1000  # files of a folder that tell whether it is a table
_LOOKED_INTO = 20
_LENGTH_BYTES = 8  # at a Parquet file's end: the length of its footer, 4 bytes, and PAR1; Apache Parquet, file format
# What Delta Lake, Hudi, Spark's streams, Iceberg and Paimon say there of their tables; parts that were replaced, or
# that a broken attempt left, lie on beside the others.
_LOG_FOLDERS = ("_delta_log", ".hoodie", "_spark_metadata")
_LOG = re.compile(
    rf"(?:^|/)(?:(?:{'|'.join(map(re.escape, _LOG_FOLDERS))})(?=/|$)"
    r"|metadata/[^/]+\.metadata\.json$|snapshot/snapshot-\d+$)"
)
# Folders within a table: of a partition, by Hive's names or by bare dates as Hudi has them, and of Iceberg's and
# Paimon's parts.
_WITHIN = re.compile(r"[^=]+=.*|[\d-]+|data|bucket-.+")
_NULL = "__HIVE_DEFAULT_PARTITION__"  # a partition's value that is none
_Rows = TypeVar("_Rows", pa.Table, pa.RecordBatch)
_ICEBERG_LOG = re.compile(r"(v\d+|\d+-[\da-f-]{36})(\.gz)?\.metadata\.json")
_PAIMON_LOG = re.compile(r"snapshot-\d+")


class TableParts:
    """The parts of a table.

    Raises:
        ImagesError: At construction, if a part, or a folder that may hold some, cannot be reached.
        BucketError: Then, if its bucket cannot be reached.

    Attributes:
        folder: Where they lie, and what relative paths in the table begin at.
        names: Their paths from there, in natural order.
        hidden: Names that match the pattern and are no parts: as in a shell, a pattern with a dot first means them.
        linked: Names that are links to other parts, whose rows would count twice.
        title: The table in messages.
    """

    def __init__(self, table: Location) -> None:
        self.hidden: list[str] = []
        self._marks: list[str] = []
        if is_pattern(table):
            self.folder, names = table.parent, [part.name for part in find_files(table.parent, table.name)]
            if not table.name.startswith("."):
                self.hidden, names = list(filter(is_hidden, names)), list(filterfalse(is_hidden, names))
        elif table.is_dir():
            self.folder, names = table, list(_parts_in(table, self._marks))
        else:
            self.folder, names = table.parent, [table.name]
        self.linked = _links_among(self.folder, names)
        self.names = sorted(set(names).difference(self.linked), key=natural_key)
        self.title = str(table)

    def open(self, name: str, buffer_size: int = 0) -> pq.ParquetFile:
        """Open one part.

        Args:
            name: The part's.
            buffer_size: Bytes of a column that are read at once, 0 for all that a row group has of it.

        Raises:
            ImagesError: If it does not exist, or is no Parquet.
        """
        part = file_below(self.folder, name)
        try:
            return pq.ParquetFile(readable(part), buffer_size=buffer_size)
        except FileNotFoundError as error:
            raise ImagesError(f"Expected `images` to be a Parquet table; {part} does not exist.") from error
        except BucketError:
            raise
        except (OSError, pa.ArrowException, UnicodeError) as error:  # a name of the file or a column that is no UTF-8
            hint = pointer_hint(part)
            raise ImagesError(f"Expected a Parquet table; {part} is not one: {one_line(error)}.{hint}") from error

    @contextmanager
    def refused_if_rewritten(self, name: str) -> Iterator[None]:
        """Refuse a part that is written anew while the block reads it: its rows would be of two contents.

        An object is not looked at: whoever opens one reads one version.

        Raises:
            ImagesError: If the part has been written anew.
        """
        part = file_below(self.folder, name)
        if machine_path(part) is None or not part.is_file():
            yield
            return
        before = stamp_at(part)
        try:
            yield
        except ImagesError:
            _refuse_rewritten(part, before)
            raise
        _refuse_rewritten(part, before)

    def refuse_uncounted(self) -> None:
        """Refuse parts that do not count by what lies above the folder, or by a mark of Databricks beside them.

        Raises:
            ImagesError: If so.
        """
        _refuse_log_above(self.folder)
        if mark := mark_against(self.folder, self._marks, self.names):
            raise _not_all_count(self.folder, mark)

    def stamp(self, name: str) -> int:
        """A number that tells the content of one part: by its file's size, time and inode, and its footer."""
        return stamp_of(self.stamp_from_outside(name), self._end_digest(name))

    def stamps(self, name: str) -> frozenset[int]:
        """All numbers that `stamp` may be on a machine that sees the file."""
        end = self._end_digest(name)
        return frozenset(stamp_of(stamp, end) for stamp in stamps_at(file_below(self.folder, name)))

    def _end_digest(self, name: str) -> str:
        with self.open(name) as part:
            length = part.metadata.serialized_size
        with open_file(file_below(self.folder, name)) as file:
            file.seek(-(length + _LENGTH_BYTES), io.SEEK_END)
            return hashlib.sha256(file.read(length)).hexdigest()

    def stamp_from_outside(self, name: str) -> int:
        """The same without the footer: it tells whether a file that is open has been replaced."""
        return stamp_at(file_below(self.folder, name))


def _refuse_rewritten(part: Location, before: int) -> None:
    if stamp_at(part) != before:
        raise ImagesError(f"Expected a table that nobody writes to; {part} was changed while it was listed. Run again.")


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


def partition_values(name: str) -> dict[str, str | None]:
    """What a part's folders say of all its rows: `label=cat/1.parquet` that their label is `cat`.

    Source: Apache Hive's names, as Spark, pandas and DuckDB write them: with escapes of URLs, and one name for null.
    """
    steps = (step.partition("=") for step in readable_name(name)[0].split("/")[:-1])
    return {unquote(column): None if value == _NULL else unquote(value) for column, mark, value in steps if mark}


def with_partition(rows: _Rows, values: Mapping[str, str | None]) -> _Rows:
    """Rows of a part with columns that its folders tell, each one value, but for those that it has itself."""
    for column, value in values.items():
        if column not in rows.schema.names:
            rows = rows.append_column(column, pa.repeat(pa.scalar(value, pa.string()), rows.num_rows))
    return rows


def one_line(error: Exception) -> str:
    """An error's text without its line breaks and the dot at its end."""
    return " ".join(str(error).split())[:200].removesuffix(".")


def unnamed_part(folder: Location) -> Location | None:
    """A file in a folder that is Parquet by its first bytes, as Hive's `000000_0`, among the first few."""
    names = (file.name for file in walk(folder) if not (file.fault or is_aside(file.name)))
    for name in islice(names, _LOOKED_INTO):
        file = file_below(folder, *readable_name(name))
        with suppress(OSError):
            if read_range(file, 0, len(PARQUET_HEAD)) == PARQUET_HEAD:
                return file
    return None


def _links_among(folder: Location, names: Sequence[str]) -> list[str]:
    """Those of a folder's files that are links to others of them."""
    if machine_path(folder) is None:
        return []
    paths = {name: file_below(folder, name) for name in names}
    links = [name for name, path in paths.items() if isinstance(path, Path) and path.is_symlink()]
    if not links:
        return []
    own = {os.path.realpath(str(paths[name])) for name in set(names).difference(links)}
    return [name for name in links if os.path.realpath(str(paths[name])) in own]


def _parts_in(folder: Location, marks: list[str]) -> Iterator[str]:
    for file in walk(folder):
        if is_mark(file.name):
            marks.append(file.name)
        if log := _LOG.search(file.name):
            raise _not_all_count(folder, file_below(folder, file.name[: log.end()]))
        may_hold_parts = file.name.endswith("/") and file.fault is not Fault.SEARCHED and not is_aside(file.name)
        may_be_part = is_part(file.name) or may_hold_parts
        if file.fault and may_be_part:
            raise ImagesError(
                f"Expected a table whose parts can all be read; {file_below(folder, *readable_name(file.name))} "
                f"cannot ({file.fault}). Bring it back, or remove it."
            )
        if may_be_part:
            yield file.name


def _refuse_log_above(folder: Location) -> None:
    """Refuse a folder within a table, such as a partition, if parts of that table may not count."""
    for name in names_of(str(folder)):
        above = locate(name)
        while _WITHIN.fullmatch(above.name):
            above = above.parent
            try:
                log = _log_in(above)
            except BucketError:  # this user may see a part of the bucket alone
                return
            if log:
                raise _not_all_count(folder, log)


def _log_in(folder: Location) -> Location | None:
    logs = [folder / name for name in _LOG_FOLDERS if (folder / name).is_dir()]
    return next(iter(logs), None) or _iceberg_log(folder / "metadata") or _named_so(folder / "snapshot", _PAIMON_LOG)


def _iceberg_log(folder: Location) -> Location | None:
    """What Iceberg has there, in a bucket by the first page of names: without a hint, numbers stand first."""
    hint = folder / "version-hint.text"
    if hint.is_file():
        return hint
    return _named_so(folder, _ICEBERG_LOG)


def _named_so(folder: Location, log: re.Pattern[str]) -> Location | None:
    """A file in a folder that is called so; folders may be for people: `snapshot/snapshot-0/` of each night."""
    files = (folder / name for name in some_names(folder) if log.fullmatch(name))
    return next((file for file in files if file.is_file()), None)


def _not_all_count(folder: Location, log: Location) -> ImagesError:
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
