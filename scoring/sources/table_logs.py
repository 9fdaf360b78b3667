"""Where Delta Lake, Hudi, Spark's streams, Iceberg and Paimon say which parts of their tables count; it is not read.

Parts that were replaced, or that a broken attempt left, lie on beside the others.
"""

import re

from scoring.errors import BucketError
from scoring.storage.locations import Location, locate, names_of, some_names

_LOG_FOLDERS = ("_delta_log", ".hoodie", "_spark_metadata")
_LOG = re.compile(
    rf"(?:^|/)(?:(?:{'|'.join(map(re.escape, _LOG_FOLDERS))})(?=/|$)"
    r"|metadata/[^/]+\.metadata\.json$|snapshot/snapshot-\d+$)"
)
# Folders within a table: of a partition, by Hive's names or by bare dates as Hudi has them, and of Iceberg's and
# Paimon's parts.
_WITHIN = re.compile(r"[^=]+=.*|[\d-]+|data|bucket-.+")
_ICEBERG_LOG = re.compile(r"(v\d+|\d+-[\da-f-]{36})(\.gz)?\.metadata\.json")
_PAIMON_LOG = re.compile(r"snapshot-\d+")


def log_of(path: str) -> str | None:
    """Where the log lies that a file in the folder of a table is of, from there; None if it is of none."""
    found = _LOG.search(path)
    return path[: found.end()] if found else None


def log_above(folder: Location) -> Location | None:
    """The log of a table that a folder lies within, as a partition of it; None if there is none that can be seen."""
    for name in names_of(str(folder)):
        above = locate(name)
        while _WITHIN.fullmatch(above.name):
            above = above.parent
            try:
                log = _log_in(above)
            except BucketError:  # this user may see a part of the bucket alone
                return None
            if log:
                return log
    return None


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
