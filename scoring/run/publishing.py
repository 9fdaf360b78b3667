"""Write a shard's file: whole, under the driver's lease, and only if no sound one stands in its place.

Until it is whole it is hidden in the run folder, and not among the shards: Polars reads what is hidden there, and so
does DuckDB below `**`.
"""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq

from scoring.run.fence import Fence
from scoring.run.predictions import FINGERPRINT_KEY, INPUTS_KEY, LISTED_KEY, to_parquet
from scoring.storage.conditional import read_version, write_if
from scoring.storage.durable import cannot_write, storage_faults
from scoring.storage.locations import Location
from scoring.storage.retrying import patiently

_ATTEMPTS = 3  # to take the place of a file of another run


def publish_shard(path: Location, table: pa.Table, fence: Fence | None) -> str:
    """Write a shard as Parquet; storage that fails for a moment is tried again.

    A file that stands there already is kept if it is of the same run and of the same photos: a copy of this shard came
    first, and the digest that the driver was told stays right.

    Args:
        path: The shard's file.
        table: Its rows, with the run's fingerprint in the schema.
        fence: The driver's; None where nobody else can write: benchmarks have no lease.

    Returns:
        SHA-256 of the file that stands there now.

    Raises:
        LeaseLostError: If another driver took over; nothing was written.
        StorageError: If it cannot be written.
    """
    content = to_parquet(table)
    return patiently()(_publish, path, content, fence)


def replace_shard(path: Location, digest: str, table: pa.Table, fence: Fence | None) -> str:
    """Write a shard in the place of one file and of no other; storage that fails for a moment is tried again.

    Args:
        path: The shard's file.
        digest: SHA-256 of the file that makes way; any other is kept, which a copy of this task has written.
        table: The shard's rows, with the run's fingerprint in the schema.
        fence: The driver's; None where nobody else can write.

    Returns:
        SHA-256 of the file that stands there now.

    Raises:
        LeaseLostError: If another driver took over; nothing was written.
        StorageError: If it cannot be written.
    """
    return patiently()(_replace, path, digest, to_parquet(table), fence)


def _replace(path: Location, digest: str, content: bytes, fence: Fence | None) -> str:
    with storage_faults(path):
        if fence:
            fence.check()
        standing, version = read_version(path)
        if _digest(standing) != digest:
            return _digest(standing)
        if write_if(path, version, content, path.parent.parent):
            return _digest(content)
        return _digest(read_version(path)[0])


def _publish(path: Location, content: bytes, fence: Fence | None) -> str:
    with storage_faults(path):
        version = None
        for _ in range(_ATTEMPTS):
            if fence:
                fence.check()
            if write_if(path, version, content, path.parent.parent):
                return _digest(content)
            standing, version = read_version(path)
            if _is_of_one_run(standing, content):
                return _digest(standing)
    raise cannot_write(path, "something else keeps taking its place")


def _is_of_one_run(standing: bytes, content: bytes) -> bool:
    try:
        return _identity(standing) == _identity(content)
    except (OSError, pa.ArrowException, LookupError, TypeError, ValueError):
        return False


def _identity(content: bytes) -> tuple[bytes, bytes | None, int]:
    """The fingerprint that a file carries, what tells its images' contents as they were listed, and how many rows."""
    with pq.ParquetFile(pa.BufferReader(content)) as file:
        described = file.schema_arrow.metadata
        return described[FINGERPRINT_KEY], described.get(LISTED_KEY, described.get(INPUTS_KEY)), file.metadata.num_rows


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
