"""Give found files their ids and put them in natural order, any number of them in bounded memory.

SQLite sorts them, in a database without a name: it is in memory while it is small, else in a file that is gone when it
is closed. Beside it, 100,000 entries are held as a list: about 60 MB.
"""

import os
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any

from scoring.errors import ImagesError
from scoring.sources.entries import FoundFile, ImageEntry, LongListing, written_path
from scoring.sources.natural_order import natural_key
from scoring.sources.row_paths import told_apart
from scoring.sources.row_spool import sorting_faults
from scoring.storage.redaction import redact

_LISTED = 100_000  # entries that are made at once; more are made when they are looked at
_CACHE_KIB = 64 * 1024  # of SQLite, and what it sorts in memory at a time
_COLUMNS = "image_id, path, size_bytes, raw_path, position, stamp"

_NEIGHBOURS = "FROM found AS a JOIN found AS b ON b.rowid = a.rowid + 1"
_IN_ORDER = "SELECT * FROM found ORDER BY key, path, raw_path, rowid"


class CommonFolder:
    """The folder that all paths seen so far share.

    Of all their folders the least and the greatest in order are kept: what these two share, all between them share.
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._least: list[str] | None = None
        self._greatest: list[str] = []
        self._last = ""
        for path in paths:
            self.see(path)

    def see(self, path: str) -> None:
        """Take one more path into account."""
        folder = path[: path.rfind("/") + 1]
        if self._least is not None and folder == self._last:
            return
        self._last = folder
        steps = path.split("/")[:-1]
        self._least = steps if self._least is None else min(self._least, steps)
        self._greatest = max(self._greatest, steps)

    @property
    def depth(self) -> int:
        """How many folders deep it is."""
        steps = zip(self._least or [], self._greatest, strict=False)
        return len(list(takewhile(lambda pair: pair[0] == pair[1], steps)))

    @property
    def is_divided(self) -> bool:
        """Whether some of the paths lie in folders within it."""
        return self._greatest != (self._least or [])


def map_entries(images: Sequence[ImageEntry], change: Callable[[ImageEntry], ImageEntry]) -> Sequence[ImageEntry]:
    """The same images, each changed: at once if they are in memory, else when they are looked at."""
    if isinstance(images, list):
        return [change(image) for image in images]
    return LongListing(len(images), lambda start, stop: [change(image) for image in images[start:stop]])


def list_entries(
    files: Iterable[FoundFile], keeps_order: bool = False, replaced: Callable[[str], None] | None = None
) -> Sequence[ImageEntry]:
    """Make entries of files.

    Args:
        files: Any number of them; those without an id get their path below the common folder, without suffix unless two
            would then have the same.
        keeps_order: Leave them in their order instead of the natural order of ids; they bring their ids.
        replaced: Called with the path of each file that a later one of the same path replaces. None refuses these.

    Raises:
        ImagesError: If two have the same id and none replaces the other.
        StorageError: If there is no room to sort them.
    """
    common = CommonFolder()
    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    try:
        with sorting_faults(sqlite3.OperationalError):
            database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            database.execute(f"CREATE TABLE found (key TEXT, {_COLUMNS})")
            database.execute("BEGIN")
            database.executemany("INSERT INTO found VALUES (?, ?, ?, ?, ?, ?, ?)", _rows(files, common, keeps_order))
            if replaced is None:
                _tell_rows_apart(database)
                _refuse_repeated(database)
            elif _has_two_spellings(database):
                common = _unite_spellings(database)
            with_suffix = not keeps_order and _sort(database, replaced)
            if replaced is not None:
                _refuse_repeated(database, "WHERE image_id IS NOT NULL")
            _refuse_repeated_ids(database, common.depth, with_suffix)
            return _entries(database, common.depth, with_suffix)
    except BaseException:
        database.close()
        raise


def _rows(files: Iterable[FoundFile], common: CommonFolder, keeps_order: bool) -> Iterator[tuple[object, ...]]:
    for file in files:
        if file.image_id is None:
            common.see(file.path)
        key = "" if keeps_order else natural_key(file.image_id or _bare(file.path))
        yield key, file.image_id, file.path, file.size_bytes, file.raw_path, file.position, file.stamp


def _refuse_repeated(database: sqlite3.Connection, among: str = "") -> None:
    """Ids come from a column of a table, or else from paths."""
    repeated = database.execute(
        f"SELECT ifnull(image_id, path) AS name, count(*) AS times FROM found {among} "
        "GROUP BY name HAVING times > 1 LIMIT 1"
    ).fetchone()
    if repeated:
        raise ImagesError(
            f"Expected another id or path in each row; {redact(repeated[0])!r} stands in {repeated[1]} of them. Keep "
            "one of them, or name a column of ids by `id_column`."
        )


def _refuse_repeated_ids(database: sqlite3.Connection, depth: int, with_suffix: bool) -> None:
    """Where some ids come from a column and the others from paths, one may be made that another row brings."""
    if database.execute("SELECT count(image_id) IN (0, count(*)) FROM found").fetchone() == (1,):
        return
    database.create_function("made", 1, lambda path: made_id(path, depth, with_suffix), deterministic=True)
    repeated = database.execute(
        "SELECT made(path), path FROM found WHERE image_id IS NULL AND made(path) IN "
        "(SELECT image_id FROM found WHERE image_id IS NOT NULL) LIMIT 1"
    ).fetchone()
    if repeated:
        raise ImagesError(
            f"Expected another id in each row; {redact(repeated[0])!r} is the id of one, and is made of the path "
            f"{redact(repeated[1])} of another, which has none. Give every row an id."
        )


def _has_two_spellings(database: sqlite3.Connection) -> bool:
    """Whether members of tars, which alone have a position and no id, begin with `./` here and there."""
    members = "FROM found WHERE position IS NOT NULL AND image_id IS NULL"
    return bool(database.execute(f"SELECT count(DISTINCT instr(path, '/./') > 0) = 2 {members}").fetchone()[0])


def _unite_spellings(database: sqlite3.Connection) -> CommonFolder:
    """Give members that are one file, `./1.jpg` and `1.jpg`, the path of the first; return what all paths share."""
    database.create_function("plain", 1, _plain, deterministic=True)
    of_first = [f"first_value({name}) OVER same AS {name}" for name in ("key", "path", "raw_path")]
    _rewrite(
        database,
        f"SELECT {of_first[0]}, image_id, {of_first[1]}, size_bytes, {of_first[2]}, position, stamp FROM found "
        "WINDOW same AS (PARTITION BY plain(path), plain(raw_path) ORDER BY rowid) ORDER BY rowid",
    )
    return CommonFolder(path for (path,) in database.execute("SELECT path FROM found"))


def _plain(path: str | bytes | None) -> str | bytes | None:
    return path.replace(b"/./", b"/") if isinstance(path, bytes) else path and path.replace("/./", "/")


def _sort(database: sqlite3.Connection, replaced: Callable[[str], None] | None) -> bool:
    """Sort by ids without suffix, or if two of them are the same, with suffix; return which."""
    database.create_function("bare", 1, _bare, deterministic=True)
    database.create_function("natural_key", 1, natural_key, deterministic=True)
    _rewrite(database, _IN_ORDER)
    _tell_apart(database)
    if replaced:
        earlier = f"{_NEIGHBOURS} WHERE b.path = a.path AND b.raw_path IS a.raw_path"
        paths = [path for (path,) in database.execute(f"SELECT a.path {earlier}")]
        if paths:
            _rewrite(database, f"SELECT * FROM found WHERE rowid NOT IN (SELECT a.rowid {earlier}) ORDER BY rowid")
        for path in paths:
            replaced(path)
    twins = database.execute(
        f"SELECT 1 {_NEIGHBOURS} WHERE CASE WHEN a.key = b.key "
        "THEN a.image_id IS NULL AND b.image_id IS NULL AND bare(a.path) = bare(b.path) END LIMIT 1"
    ).fetchone()
    if twins:
        _rewrite(database, "SELECT * FROM found ORDER BY natural_key(ifnull(image_id, path)), path")
    return twins is not None


def _tell_apart(database: sqlite3.Connection) -> None:
    r"""Where different names read the same, `\xe9` and the byte 0xE9, have those with bytes show them."""
    same = f"{_NEIGHBOURS} WHERE b.path = a.path AND b.raw_path IS NOT a.raw_path"
    if database.execute(f"SELECT 1 {same} LIMIT 1").fetchone():
        database.create_function("with_bytes", 2, _with_bytes, deterministic=True)
        database.execute(
            "UPDATE found SET path = with_bytes(path, raw_path), key = CASE WHEN image_id IS NULL "
            "THEN natural_key(bare(with_bytes(path, raw_path))) ELSE key END "
            f"WHERE raw_path IS NOT NULL AND path IN (SELECT a.path {same})"
        )
        _rewrite(database, _IN_ORDER)


def _tell_rows_apart(database: sqlite3.Connection) -> None:
    """Where different texts of a table's rows tell the same path, as addresses with other queries, have them differ."""
    without_id = "image_id IS NULL AND position IS NULL"
    same = f"SELECT path FROM found WHERE {without_id} GROUP BY path HAVING count(DISTINCT ifnull(raw_path, '')) > 1"
    if database.execute(f"{same} LIMIT 1").fetchone():
        database.create_function("apart", 2, told_apart, deterministic=True)
        database.create_function("key_of", 1, lambda path: natural_key(_bare(path)), deterministic=True)
        database.execute(
            "UPDATE found SET path = apart(path, raw_path), key = key_of(apart(path, raw_path)) "
            f"WHERE raw_path IS NOT NULL AND {without_id} AND path IN ({same})"
        )


def _with_bytes(path: str, raw_path: bytes) -> str:
    if written_path("", raw_path):  # the text of a row that has an id
        return path
    bare, suffix = os.path.splitext(path)
    return f"{bare} (bytes {raw_path.hex()}){suffix}"


def _rewrite(database: sqlite3.Connection, select: str) -> None:
    """Replace the table by what is selected from it; its rows are numbered in that order, from 1 on."""
    database.execute(f"CREATE TABLE selected AS {select}")
    database.execute("DROP TABLE found")
    database.execute("ALTER TABLE selected RENAME TO found")


def _entries(database: sqlite3.Connection, depth: int, with_suffix: bool) -> Sequence[ImageEntry]:
    def read(start: int, stop: int) -> list[ImageEntry]:
        with sorting_faults(sqlite3.OperationalError):
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM found WHERE rowid > ? AND rowid <= ? ORDER BY rowid", (start, stop)
            )
            return [_entry(row, depth, with_suffix) for row in rows]

    (count,) = database.execute("SELECT count(*) FROM found").fetchone()
    if count <= _LISTED:
        images = read(0, count)
        database.close()
        return images
    listing = LongListing(count, read)
    weakref.finalize(listing, database.close)
    return listing


def _entry(row: tuple[Any, ...], depth: int, with_suffix: bool) -> ImageEntry:
    image_id, path, size_bytes, raw_path, position, stamp = row
    if image_id is None:
        image_id = made_id(path, depth, with_suffix)
    return ImageEntry(image_id, path, size_bytes, raw_path, None, position, stamp)


def made_id(path: str, depth: int, with_suffix: bool = False) -> str:
    """The id that is made of a path: what it is below the folder, so many deep, that all share."""
    below = path.split("/", depth)[depth]
    return below if with_suffix else _bare(below)


def _bare(path: str) -> str:
    return os.path.splitext(path)[0]
