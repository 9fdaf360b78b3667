"""One shard's file, held against all that the run says of it."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scoring.errors import StorageError, one_line
from scoring.run.fingerprint import Fingerprint, differs, parse_fingerprint
from scoring.run.predictions import (
    ERROR,
    FINGERPRINT_KEY,
    INPUTS_KEY,
    LABELS_KEY,
    LISTED_KEY,
    UNREAD_KEY,
    find_schema_problem,
)
from scoring.storage.durable import read_patiently
from scoring.storage.locations import Location, machine_path, readable

# What Arrow and Python raise at bytes that are not what they should be.
_DAMAGE = (OSError, pa.ArrowException, ArithmeticError, LookupError, RecursionError, TypeError, ValueError)
DESCRIBING = ("image_id", "path", "target")  # columns that a shard takes over from the manifest


@dataclass(frozen=True)
class ExpectedShard:
    """What one shard has to be.

    Attributes:
        shard_id: Its number.
        path: Its file.
        fingerprint: The run's.
        labels: The run's, in class order; none for features.
        num_rows: Rows that the manifest has for it.
        described: The manifest's `DESCRIBING` columns, row by row; None to read only `columns`, without verification.
        columns: The columns to read then, beside `status`; None for all.
        digest: SHA-256 of the file as it was written; None where nobody kept it.
        inputs: `contents_digest` of the manifest's images; None compares nothing, as does a shard without one.
    """

    shard_id: int
    path: Location
    fingerprint: Fingerprint
    labels: Sequence[str]
    num_rows: int
    described: pa.Table | None = None
    columns: Sequence[str] | None = None
    digest: str | None = None
    inputs: str | None = None


@dataclass(frozen=True)
class SoundShard:
    """A shard that is what it has to be.

    Attributes:
        shard_id: Its number.
        table: All of its rows and columns; without verification, the columns asked for, and `status`.
        digest: SHA-256 of its file; None without verification.
        num_unread: Error rows among its rows whose image may be readable at another time.
    """

    shard_id: int
    table: pa.Table
    digest: str | None
    num_unread: int

    @property
    def num_errors(self) -> int:
        """Rows with `status="error"`."""
        return int(pc.sum(pc.equal(self.table["status"], ERROR)).as_py() or 0)


@dataclass(frozen=True)
class DamagedShard:
    """A shard that is not what it has to be, and why, in words that follow `Shard 3`."""

    shard_id: int
    reason: str


def inspect_shard(expected: ExpectedShard) -> SoundShard | DamagedShard:
    """Read a shard's file and compare: all of it if its rows are described, else its footer and the columns asked for.

    Raises:
        StorageError: If it cannot be read now.
    """
    try:
        return read_patiently(expected.path, partial(_inspect, expected))
    except StorageError:  # says nothing of what it holds
        raise
    except _DAMAGE as error:
        return DamagedShard(expected.shard_id, f"cannot be read: {one_line(error)}")


def _inspect(expected: ExpectedShard) -> SoundShard | DamagedShard:
    local = machine_path(expected.path)
    if local is not None and not local.is_file():  # opening a FIFO would wait for ever
        return DamagedShard(expected.shard_id, "is not a file, although it has the name of one")
    is_whole = expected.described is not None
    content = expected.path.read_bytes() if is_whole else None
    source = readable(expected.path) if content is None else pa.BufferReader(content)
    with pq.ParquetFile(source, page_checksum_verification=is_whole) as file:
        problem = _find_stranger(expected, file.schema_arrow)
        table = None if problem else file.read(None if is_whole else _believed(expected.columns))
        metadata = file.schema_arrow.metadata or {}
        num_unread = int(metadata.get(UNREAD_KEY, 0))
    digest = None if content is None else hashlib.sha256(content).hexdigest()
    problem = problem or _find_difference(expected, table, digest)
    if problem:
        return DamagedShard(expected.shard_id, problem)
    return SoundShard(expected.shard_id, table, digest, num_unread)


def _believed(columns: Sequence[str] | None) -> list[str] | None:
    return None if columns is None else list(dict.fromkeys([*columns, "status"]))


def _find_stranger(expected: ExpectedShard, schema: pa.Schema) -> str | None:
    """What a file's end says that is not of this run."""
    metadata = schema.metadata or {}
    stored = parse_fingerprint(metadata[FINGERPRINT_KEY])
    differing = expected.fingerprint.differing(stored.told_fields())
    if differing:
        return f"is of another run: its {differs(differing)}"
    if LABELS_KEY in metadata and json.loads(metadata[LABELS_KEY]) != list(expected.labels):
        return "is of another run: its labels differ"
    return find_schema_problem(schema, expected.labels, expected.fingerprint.store_probabilities)


def _find_difference(expected: ExpectedShard, table: pa.Table, digest: str | None) -> str | None:
    """What is wrong with the rows of a file of this run."""
    if table.num_rows != expected.num_rows:
        return f"has {table.num_rows} rows instead of {expected.num_rows}"
    if expected.described is not None:
        for name, words in zip(DESCRIBING, ("image ids", "paths", "targets"), strict=True):
            if not table[name].equals(expected.described[name]):
                return f"has other {words} than the manifest"
    metadata = table.schema.metadata or {}
    read, listed = (metadata.get(key, b"").decode() for key in (INPUTS_KEY, LISTED_KEY))
    if expected.inputs and read and expected.inputs != read:
        if expected.inputs == listed:
            return "has images that changed between listing and reading"
        return "was made when some of its images held something else"
    if digest and expected.digest and digest != expected.digest:
        return "holds other values than were written"
    return None
