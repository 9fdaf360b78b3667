"""The Parquet files that one table is made of: one file, those that match a pattern, or all in a folder."""

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import filterfalse
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.errors import BucketError, ImagesError, one_line
from scoring.sources.natural_order import natural_key
from scoring.sources.table_commits import mark_against
from scoring.sources.table_folder import is_pattern, not_all_count, parts_in
from scoring.sources.table_logs import log_above
from scoring.storage.git_lfs import pointer_hint
from scoring.storage.locations import Location, file_below, find_files, machine_path, readable
from scoring.storage.reading import open_file, stamp_at, stamps_at
from scoring.storage.stamps import stamp_of
from scoring.storage.walking import is_hidden

_LENGTH_BYTES = 8  # at a Parquet file's end: the length of its footer, 4 bytes, and PAR1; Apache Parquet, file format


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
            self.folder, names = table, list(parts_in(table, self._marks))
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

    def num_rows(self, name: str) -> int:
        """How many rows one part has; raises as `open` does."""
        with self.open(name) as part:
            return int(part.metadata.num_rows)

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
        if log := log_above(self.folder) or mark_against(self.folder, self._marks, self.names):
            raise not_all_count(self.folder, log)

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
